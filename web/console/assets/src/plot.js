// Plots of numbers over time. A <figure data-plot> names with data-source the <script type="application/json"> that holds its data:
// {"times": [unix seconds], "step": seconds, "series": [{"label", "colour": "good|bad|busy|warn|idle", "values": [...], "area": bool, "dash": [...], "path"}],
//  "unit": "text", "kind": "bars" for stacked bars, "gaps": [[from, to]] (moments of which nothing is known), "path": where a click leads, "says": the sum in words}
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
const nothing = (data) => !data.times?.length || data.series.every((s) => s.values.every((v) => !v));
const shape = (data) => JSON.stringify([data.unit, data.kind, data.series.map((s) => [s.label, s.colour]), (data.gaps ?? []).length]);
// A plot draws its times as they stand, and a bar over all of its step.
const reach = (data) => [data.times[0], data.times.at(-1) + (data.kind === "bars" ? data.step : 0)];

// columns are what uPlot draws. Stacked bars are each the sum of it and of those below; the highest is drawn first.
function columns(data) {
  if (data.kind !== "bars") return [data.times, ...data.series.map((s) => s.values)];
  const sums = data.times.map(() => 0);
  const stacked = data.series.map((s) => s.values.map((v, i) => (v == null ? null : (sums[i] += v))));
  return [data.times, ...stacked.reverse()];
}
const drawn = (data) => (data.kind === "bars" ? [...data.series].reverse() : data.series);

// Delays lie between a millisecond and hours: their axis goes up in steps of ten, with marks that people know.
const marks = [1, 10, 100, 1e3, 1e4, 6e4, 6e5, 36e5, 36e6, 864e5];
const below = (n) => marks.findLast((m) => m <= n) ?? 1;
const above = (n) => marks.find((m) => m >= n) ?? 864e6;
const logs = (min, max) => { const from = below(min || 1); const to = above(max || 10); return [from, to > from ? to : above(from + 1)]; };

// top is a round number at or above the greatest, so that the highest point lies under a labelled line.
function top(max) {
  const raw = Math.max(max || 0, 1) / 4;
  const tens = 10 ** Math.floor(Math.log10(raw));
  const step = Math.max(1, [1, 2, 2.5, 5, 10].map((m) => m * tens).find((s) => s >= raw));
  return [step, Math.ceil(Math.max(max || 0, 1) / step) * step];
}

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
  figure.data = data;
  figure.shape = shape(data);
  const axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1, size: 4 }, font: "12px system-ui", gap: 6 };
  const bars = data.kind === "bars";
  const delays = data.unit === "ms";
  const y = delays
    ? { distr: 3, log: 10, range: (u, min, max) => logs(min, max) }
    : { range: (u, min, max) => [0, top(max)[1]] };
  figure.plot = new uPlot({
    width: Math.max(200, box.clientWidth), height: Number(figure.dataset.height ?? 200),
    cursor: { points: { size: 7, show: !bars }, y: false, drag: { x: true, y: false, setScale: false, dist: 6 }, bind: { dblclick: () => null } },
    legend: { live: true },
    scales: { x: { time: true, range: () => reach(figure.data) }, y },
    axes: [
      { ...axis, space: 60, values: (u, splits) => splits.map((s) => clock(s, u)) },
      delays
        ? { ...axis, size: 62, splits: (u) => marks.filter((m) => m >= u.scales.y.min && m <= u.scales.y.max), values: (u, splits) => splits.map((s) => told("ms", s)), filter: (u, splits) => splits }
        : { ...axis, size: 48, splits: (u) => { const [step, most] = top(u.scales.y.max); return Array.from({ length: Math.round(most / step) + 1 }, (_, i) => i * step); }, values: (u, splits) => splits.map((s) => (Number.isInteger(s) ? short.format(s) : "")) },
    ],
    series: [
      { label: figure.dataset.time ?? "", value: (u, s) => (s == null ? "" : new Date(s * 1000).toLocaleString(language, { dateStyle: "short", timeStyle: "short", hour12: false })) },
      ...drawn(data).map((s, i) => ({
        label: s.label, stroke: colour(s.colour), width: bars ? 0 : 1.75, dash: s.dash, spanGaps: false,
        points: bars ? { show: false } : { show: true, size: 7, fill: colour(s.colour), filter: lonely },
        paths: bars ? uPlot.paths.bars({ size: [0.86, 40], align: 1, gap: 1 }) : undefined,
        fill: bars ? colour(s.colour) : s.area ? colour(`${s.colour}-soft`) : undefined,
        value: (u, v, si, at) => { const n = at == null ? null : drawn(figure.data)[i]?.values[at]; return n == null ? "" : told(figure.data.unit, n, number); },
      })),
    ],
    hooks: { drawClear: [(u) => shade(u, figure.data)], setSelect: [(u) => zoom(u)] },
  }, columns(data), box);
  if (data.gaps?.length && figure.dataset.gap) {
    const p = document.createElement("p");
    p.className = "plot-note small muted";
    p.textContent = figure.dataset.gap;
    box.append(p);
  }
  lead(figure);
}

// shade marks the stretches of which nothing is known.
function shade(u, data) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.fillStyle = colour("line");
  ctx.globalAlpha = 0.45;
  for (const [from, to] of data.gaps ?? []) {
    const left = Math.max(bbox.left, u.valToPos(data.times[from], "x", true));
    const right = Math.min(bbox.left + bbox.width, u.valToPos(to < data.times.length ? data.times[to] : data.times.at(-1) + data.step, "x", true));
    if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
  }
  ctx.restore();
}

// zoom looks at what was dragged over, all plots alike.
function zoom(u) {
  if (u.select.width < 6) return;
  const iso = (px) => new Date(Math.round(u.posToVal(px, "x")) * 1000).toISOString().replace(/\.\d+Z$/, "Z");
  const q = new URLSearchParams(location.search);
  q.delete("span");
  q.set("from", iso(u.select.left));
  q.set("to", iso(u.select.left + u.select.width));
  location.search = q.toString();
}

// lead opens the records behind the step that is clicked: of the line that is nearest, where it has its own list.
function lead(figure) {
  const u = figure.plot;
  if (!figure.data.path) return;
  u.over.classList.add("plot-leads");
  let from;
  u.over.addEventListener("mousedown", (e) => { from = e.clientX; });
  u.over.addEventListener("click", (e) => {
    const data = figure.data;
    const at = u.cursor.idx;
    if (at == null || Math.abs(e.clientX - from) > 5) return;
    const y = e.clientY - u.over.getBoundingClientRect().top;
    let path = data.path;
    if (data.kind === "bars") {
      const value = u.posToVal(y, "y");
      let sum = 0;
      const hit = data.series.find((s) => (sum += s.values[at] ?? 0) >= value && s.values[at]);
      path = hit?.path ?? path;
    } else {
      const near = data.series.filter((s) => s.values[at] != null).sort((a, b) => Math.abs(u.valToPos(a.values[at], "y") - y) - Math.abs(u.valToPos(b.values[at], "y") - y))[0];
      path = near?.path ?? path;
    }
    location.href = moment(path, data.times[at], data.step);
  });
}

const moment = (path, s, step) => {
  const iso = (t) => encodeURIComponent(new Date(t * 1000).toISOString().replace(/\.\d+Z$/, "Z"));
  return path.replace("{from}", iso(s)).replace("{before}", iso(s - 86400)).replace("{to}", iso(s + step));
};

// lonely are the moments that no line reaches: nothing is known before and after.
function lonely(u, series) {
  const v = u.data[series] ?? [];
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
  figure.data = data;
  figure.plot.setData(columns(data));
}

// fill writes the numbers into the table behind the plot, and the sum into its caption.
function fill(figure, data) {
  const says = figure.querySelector("[data-says]");
  if (says && data.says) says.textContent = data.says;
  const rows = figure.querySelectorAll("tbody tr");
  if (rows.length !== data.times.length || figure.querySelectorAll("thead th").length !== data.series.length + 1) return;
  const two = (n) => String(n).padStart(2, "0");
  const days = data.times.at(-1) - data.times[0] > 25 * 3600;
  data.times.forEach((s, i) => {
    const cells = rows[i].cells;
    const at = new Date(s * 1000);
    const link = cells[0].querySelector("a") ?? cells[0];
    link.textContent = (days ? `${two(at.getMonth() + 1)}-${two(at.getDate())} ` : "") + `${two(at.getHours())}:${two(at.getMinutes())}`;
    if (link.href && data.path) link.href = moment(data.path, s, data.step);
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
addEventListener("beforeprint", () => all().forEach(draw));
