// Plots of numbers over time. A <figure data-plot> names with data-source the <script type="application/json"> that holds its data:
// {"times": [unix seconds], "series": [{"label", "colour": "good|bad|busy|warn|idle", "values": [...], "area": bool}], "unit": "text"}
// Where that script comes anew with a part of the page, the plot takes the new numbers without being made anew.
import uPlot from "uplot";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const language = document.documentElement.lang;
const number = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
const short = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 });

// A number of a plot for people: milliseconds become seconds, minutes, hours as they grow.
const zh = language.startsWith("zh");
function told(unit, n, format) {
  if (unit !== "ms") return format.format(n) + (unit ? ` ${unit}` : "");
  for (const [most, size, en, name] of [[1e3, 1, "ms", "毫秒"], [6e4, 1e3, "s", "秒"], [36e5, 6e4, "min", "分"], [Infinity, 36e5, "h", "小时"]]) {
    if (n < most) return `${number.format(n / size)} ${zh ? name : en}`;
  }
}

const source = (figure) => document.getElementById(figure.dataset.source);
const columns = (data) => [data.times, ...data.series.map((s) => s.values)];
const nothing = (data) => data.series.every((s) => s.values.every((v) => !v));
const shape = (data) => JSON.stringify([data.unit, data.series.map((s) => [s.label, s.colour])]);

function draw(figure) {
  const box = figure.querySelector(".plot");
  const data = JSON.parse(source(figure)?.textContent ?? "null");
  if (!data) return;
  fill(figure, data);
  figure.plot?.destroy();
  figure.plot = undefined;
  box.replaceChildren();
  if (nothing(data)) {
    const p = document.createElement("p");
    p.className = "plot-empty muted";
    p.textContent = figure.dataset.empty ?? "";
    box.append(p);
    return;
  }
  const axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1, size: 4 }, font: "12px system-ui", gap: 6 };
  figure.shape = shape(data);
  figure.plot = new uPlot({
    width: Math.max(200, box.clientWidth), height: Number(figure.dataset.height ?? 200),
    cursor: { points: { size: 6 }, y: false }, legend: { live: true },
    scales: { y: { range: (u, min, max) => [0, Math.max(max || 0, 1) * 1.08] } },
    axes: [
      { ...axis, space: 60, values: (u, splits) => splits.map((s) => clock(s, u)) },
      { ...axis, size: data.unit === "ms" ? 62 : 48, space: 36, values: (u, splits) => splits.map((s) => (!Number.isInteger(s) ? "" : data.unit === "ms" ? (s ? told("ms", s) : "0") : short.format(s))) },
    ],
    series: [
      { label: figure.dataset.time ?? "", value: (u, s) => (s == null ? "" : new Date(s * 1000).toLocaleString(language, { dateStyle: "short", timeStyle: "short", hour12: false })) },
      ...data.series.map((s) => ({
        label: s.label, stroke: colour(s.colour), width: 1.75, points: { show: true, size: 5, fill: colour(s.colour), filter: lonely }, spanGaps: false,
        fill: s.area ? colour(`${s.colour}-soft`) : undefined,
        value: (u, v) => (v == null ? "" : told(data.unit, v, number)),
      })),
    ],
  }, columns(data), box);
}

// lonely are the moments that no line reaches: nothing is known before and after.
function lonely(u, series) {
  const v = u.data[series];
  const out = [];
  for (let i = 0; i < v.length; i++) if (v[i] != null && v[i - 1] == null && v[i + 1] == null) out.push(i);
  return out;
}

// renew gives a plot its new numbers.
function renew(figure) {
  const data = JSON.parse(source(figure)?.textContent ?? "null");
  if (!data) return;
  if (!figure.plot || nothing(data) || shape(data) !== figure.shape) return draw(figure);
  fill(figure, data);
  figure.plot.setData(columns(data));
}

// fill writes the numbers into the table behind the plot.
function fill(figure, data) {
  const rows = figure.querySelectorAll("tbody tr");
  if (rows.length !== data.times.length || figure.querySelectorAll("thead th").length !== data.series.length + 1) return;
  const two = (n) => String(n).padStart(2, "0");
  const days = data.times.at(-1) - data.times[0] > 25 * 3600;
  data.times.forEach((s, i) => {
    const cells = rows[i].cells;
    const at = new Date(s * 1000);
    cells[0].textContent = (days ? `${two(at.getMonth() + 1)}-${two(at.getDate())} ` : "") + `${two(at.getHours())}:${two(at.getMinutes())}`;
    data.series.forEach((line, j) => { cells[j + 1].textContent = line.values[i] ?? "–"; });
  });
}

function clock(s, u) {
  const at = new Date(s * 1000);
  const span = u.scales.x.max - u.scales.x.min;
  const p = (n) => String(n).padStart(2, "0");
  return span > 2 * 86400 ? `${p(at.getMonth() + 1)}-${p(at.getDate())}` : `${p(at.getHours())}:${p(at.getMinutes())}`;
}

const all = () => document.querySelectorAll("figure[data-plot]");
document.addEventListener("DOMContentLoaded", () => all().forEach(draw));
document.addEventListener("htmx:afterSettle", (e) => {
  e.target.querySelectorAll("figure[data-plot]").forEach(draw);
  all().forEach((figure) => { if (e.target.contains(source(figure)) && !e.target.contains(figure)) renew(figure); });
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all().forEach(draw));
let wait, width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === width) return; // a phone's bars come and go
  width = innerWidth;
  clearTimeout(wait);
  wait = setTimeout(() => all().forEach(draw), 150);
});
