// Plots of numbers over time. A <figure data-plot> holds its data as JSON in a <script type="application/json">:
// {"times": [unix seconds], "series": [{"label", "colour": "good|bad|busy|warn|idle", "values": [...], "area": bool}], "unit": "text"}
import uPlot from "uplot";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function draw(figure) {
  const box = figure.querySelector(".plot");
  const data = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
  figure.plot?.destroy();
  const axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 }, font: "12px system-ui" };
  const number = new Intl.NumberFormat(document.documentElement.lang);
  figure.plot = new uPlot({
    width: Math.max(200, box.clientWidth), height: Number(figure.dataset.height ?? 220),
    cursor: { points: { size: 6 } }, legend: { live: true },
    scales: { y: { range: (u, min, max) => [0, Math.max(max || 0, 1) * 1.08] } },
    axes: [{ ...axis, values: (u, splits) => splits.map((s) => clock(s, u)) }, { ...axis, size: 56, values: (u, splits) => splits.map((s) => number.format(s)) }],
    series: [
      { label: figure.dataset.time ?? "", value: (u, s) => (s == null ? "–" : new Date(s * 1000).toLocaleString(document.documentElement.lang, { hour12: false })) },
      ...data.series.map((s) => ({
        label: s.label, stroke: colour(s.colour), width: 1.75, points: { show: data.times.length < 3 },
        fill: s.area ? colour(`${s.colour}-soft`) : undefined,
        value: (u, v) => (v == null ? "–" : number.format(v) + (data.unit ? ` ${data.unit}` : "")),
      })),
    ],
  }, [data.times, ...data.series.map((s) => s.values)], box);
}

function clock(s, u) {
  const at = new Date(s * 1000);
  const span = u.scales.x.max - u.scales.x.min;
  const p = (n) => String(n).padStart(2, "0");
  return span > 2 * 86400 ? `${p(at.getMonth() + 1)}-${p(at.getDate())}` : `${p(at.getHours())}:${p(at.getMinutes())}`;
}

const drawAll = (root) => root.querySelectorAll("figure[data-plot]").forEach(draw);
document.addEventListener("DOMContentLoaded", () => drawAll(document));
document.addEventListener("htmx:load", (e) => { if (e.target !== document.body) drawAll(e.target.parentElement ?? e.target); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll(document));
let wait;
addEventListener("resize", () => { clearTimeout(wait); wait = setTimeout(() => drawAll(document), 150); });
