"""How the page looks, beyond Gradio's theme."""

CSS = """
#kpt-prompt {
  min-height: 76px;  /* so that the photo stays in its place under the pointer */
}
.html-container {
  padding: 0 !important;
}
.kpt-message {
  margin: 0;
  padding: 8px 12px;
  border-radius: 6px;
  background: var(--background-fill-secondary);
}
.kpt-busy {
  background: #fff4d6;
  color: #4a3500;
}
.kpt-error {
  background: #fde2e1;
  color: #7a1210;
  font-weight: 600;
  margin-bottom: 4px;
}
#kpt-picture img {
  cursor: crosshair;
  touch-action: manipulation;
}
#kpt-picture img, #kpt-result img {
  width: 100%;
  object-fit: contain;
}
.kpt-table {
  width: 100%;
  border: 0 !important;
  border-collapse: collapse;
}
.kpt-table th, .kpt-table td {
  padding: 4px 8px;
  text-align: left;
  border-bottom: 1px solid #8884;
  font-weight: 400;
  border-width: 0 0 1px 0 !important;
}
.kpt-table tbody th {
  overflow-wrap: anywhere;
}
.kpt-table thead th {
  font-weight: 600;
}
.kpt-table td:nth-child(n+3) {
  text-align: right;
  font-variant-numeric: tabular-nums;
}
.kpt-table meter {
  width: 50px;
}
.kpt-low {
  opacity: 0.5;
}
.kpt-dot {
  display: inline-block;
  width: 12px;
  height: 12px;
  border-radius: 50%;
  margin-right: 6px;
  border: 1px solid #0008;
}
footer {
  display: none !important;
}
"""
