"""Pictures of the economy: figures for a run folder and the Solara dashboard; data in, figure out."""
