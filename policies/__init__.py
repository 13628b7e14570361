"""How actions are learned: independent PPO, one learner per agent type."""
