"""The look of the page: settings stand left of the economy on a wide screen, below it on a narrow one."""

CSS = """
.economy { display: grid; grid-template-columns: 300px minmax(0, 1fr); column-gap: 32px; align-items: start;
  max-width: 1800px; margin: 0 auto; padding: 4px 12px; }
.economy-message { grid-column: 1 / -1; position: sticky; top: 0; z-index: 5; background: white; order: -2; }
.economy-settings { order: -1; }
.economy-main { min-width: 0; }
.economy-run { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 4px 24px;
  align-items: end; }
.economy-pick { display: grid; grid-template-columns: repeat(auto-fit, minmax(220px, 1fr)); gap: 4px 24px;
  align-items: end; max-width: 760px; }
.economy-chart { margin: 0; overflow-x: auto; }
.economy-wide img { min-width: 860px; }
.economy-chart img { display: block; width: 100%; height: auto; }
.economy-page .row > [class*="col-"] { padding-top: 4px; padding-bottom: 4px; }
.economy-help { font-size: 12px; color: #555555; line-height: 1.3; display: block; margin-top: -12px; }
.economy-refusal { font-size: 12px; color: #B3261E; line-height: 1.3; }
.economy-changed { border-left: 3px solid #0072B2; padding-left: 6px; }
.economy-shock { padding: 8px 0 4px 8px; background: #F6F6F6; }
.economy-shock-cells { display: grid; grid-template-columns: 1fr 1fr; gap: 14px 8px; }
.economy-shock .economy-help { margin-top: 0; }
.economy-table { overflow-x: auto; }
.economy-table table { border-collapse: collapse; font-size: 13px; }
.economy-table caption { text-align: left; font-weight: bold; padding: 6px 0; }
.economy-table th { text-align: left; border-bottom: 1px solid #7A7A7A; padding: 3px 12px 3px 0; }
.economy-table td { border-bottom: 1px solid #E6E6E6; padding: 3px 12px 3px 0; vertical-align: top; }
.economy-command { white-space: pre-wrap; overflow-wrap: anywhere; background: #F6F6F6; padding: 8px; font-size: 13px; }
@media (max-width: 960px) {
  .economy { grid-template-columns: minmax(0, 1fr); padding: 0 12px; row-gap: 24px; }
  .economy-settings { order: 1; }
}
.economy .v-alert { color: #8C1D18 !important; margin-bottom: 12px; }
.economy .v-btn { text-transform: none; letter-spacing: 0; }
.economy .v-tabs { margin-bottom: -8px; }
.economy .v-tab { text-transform: none; letter-spacing: 0; min-width: 0; padding: 0 10px; }
.economy .v-input__slider .v-input__slot { flex-wrap: wrap; }
.economy .v-input__slider .v-slider { flex: 1 0 100%; margin: 0; }
.economy .v-messages__message { line-height: 1.25; padding-bottom: 8px; }
"""
