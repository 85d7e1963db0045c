// Draws everything, and again whenever a chart gets another width.
function themeButton() {
  const button = el(document.querySelector(".page"), "button", "plain");
  button.id = "theme";
  button.type = "button";
  const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const show = () => (button.textContent = dark() ? "Light" : "Dark");
  button.setAttribute("aria-label", "Switch between light and dark");
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    show();
  });
  show();
}

addEventListener("error", (event) => (root.dataset.error = event.message));
themeButton();
charts.forEach(drawChart);
trialTable();
let waiting = 0;
new ResizeObserver(() => {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(() => charts.filter((item) => item.host.clientWidth !== item.width).forEach(drawChart));
}).observe(document.querySelector("main"));
root.dataset.ready = "yes";
