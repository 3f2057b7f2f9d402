/**
 * What a page of a map does: zooms, moves, and gives the names of photographs that a lasso holds. It reads `#data`, and draws as many
 * thumbnails as fit without hiding each other; the others are dots.
 */
export const MAP_SCRIPT = String.raw`
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { names, x, y, classes, labels, tiles, columns, tile } = data;
  const canvas = document.getElementById("map");
  const context = canvas.getContext("2d");
  const hint = document.getElementById("hint");
  const list = document.getElementById("names");
  const counted = document.getElementById("counted");
  const [lassoButton, copyButton, saveButton, clearButton] = ["lasso", "copy", "save", "clear"].map((id) => document.getElementById(id));
  const sheet = new Image();
  const count = names.length;
  const placeOfTile = new Int32Array(count).fill(-1);
  tiles.forEach((row, i) => { placeOfTile[row] = i; });
  // The points lie around the middle of a square of side 1.
  const spread = [x, y].map((axis) => Math.max(0.05, 2 * axis.reduce((most, value) => Math.max(most, Math.abs(value - 0.5)), 0)));
  // Who comes first gets a thumbnail: in no order, so that no folder does.
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1, state = 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((state / 2 ** 32) * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  let view = null;
  let selected = new Set();
  let lasso = null;
  let lassoMode = false;
  let hovered = -1;
  let highlighted = -1;
  const pointers = new Map();

  const size = () => ({ width: canvas.clientWidth, height: canvas.clientHeight });
  const whole = () => {
    const { width, height } = size();
    const scale = Math.max(1, Math.min((width - 60) / spread[0], (height - 60) / spread[1]));
    return { scale, left: (width - scale) / 2, top: (height - scale) / 2 };
  };
  const placed = (i) => [view.left + x[i] * view.scale, view.top + y[i] * view.scale];

  let asked = false;
  function draw() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; paint(); });
  }

  function paint() {
    const ratio = window.devicePixelRatio || 1;
    const { width, height } = size();
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    view = view || whole();
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name).trim();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = color("--surface");
    context.fillRect(0, 0, width, height);
    const zoom = view.scale / whole().scale;
    const side = Math.min(tile, Math.max(22, 26 * Math.sqrt(zoom)));
    const cells = new Map();
    const shown = [];
    const dim = (i) => highlighted >= 0 && labels[i] !== highlighted;
    for (const i of order) {
      const [px, py] = placed(i);
      if (px < -side || py < -side || px > width + side || py > height + side) continue;
      const [column, row] = [Math.floor(px / side), Math.floor(py / side)];
      let free = placeOfTile[i] >= 0 && sheet.complete && sheet.naturalWidth > 0 && !dim(i);
      for (let dx = -1; dx <= 1 && free; dx++)
        for (let dy = -1; dy <= 1 && free; dy++) {
          const other = cells.get((column + dx) + ":" + (row + dy));
          if (other && Math.abs(other[0] - px) < side && Math.abs(other[1] - py) < side) free = false;
        }
      if (free) {
        cells.set(column + ":" + row, [px, py]);
        shown.push([i, px, py]);
      } else {
        context.globalAlpha = dim(i) ? 0.15 : 0.75;
        context.fillStyle = selected.has(i) ? color("--right") : colorOf(i) || color("--muted");
        context.beginPath();
        context.arc(px, py, selected.has(i) ? 3.5 : 2.5, 0, 2 * Math.PI);
        context.fill();
      }
    }
    context.globalAlpha = 1;
    for (const [i, px, py] of shown) thumbnail(i, px, py, side, selected.has(i) ? color("--right") : colorOf(i) || color("--border"));
    if (hovered >= 0 && placeOfTile[hovered] >= 0) {
      const [px, py] = placed(hovered);
      const large = Math.max(side, 1.5 * tile);
      thumbnail(hovered, Math.min(width - large / 2 - 4, Math.max(large / 2 + 4, px)), Math.min(height - large / 2 - 4, Math.max(large / 2 + 4, py)), large, color("--accent"));
    }
    if (lasso && lasso.length > 1) {
      context.beginPath();
      lasso.forEach(([px, py], i) => (i === 0 ? context.moveTo(px, py) : context.lineTo(px, py)));
      context.closePath();
      context.fillStyle = color("--accent");
      context.globalAlpha = 0.15;
      context.fill();
      context.globalAlpha = 1;
      context.strokeStyle = color("--accent");
      context.lineWidth = 1.5;
      context.stroke();
    }
  }
  function thumbnail(i, px, py, side, border) {
    const place = placeOfTile[i];
    const [sx, sy] = [(place % columns) * tile, Math.floor(place / columns) * tile];
    context.drawImage(sheet, sx, sy, tile, tile, px - side / 2, py - side / 2, side, side);
    context.strokeStyle = border;
    context.lineWidth = selected.has(i) ? 3 : 1.5;
    context.strokeRect(px - side / 2, py - side / 2, side, side);
  }
  const colorOf = (i) => (labels[i] >= 0 ? data.colors[labels[i]] : null);

  function nearestTo(px, py) {
    let [best, least] = [-1, 20 * 20];
    for (let i = 0; i < count; i++) {
      const [ax, ay] = placed(i);
      const distance = (ax - px) ** 2 + (ay - py) ** 2;
      if (distance < least) [best, least] = [i, distance];
    }
    return best;
  }
  function point(px, py) {
    hovered = nearestTo(px, py);
    hint.textContent = hovered < 0 ? hint.dataset.text : names[hovered] + (labels[hovered] >= 0 ? " (" + classes[labels[hovered]] + ")" : "");
    draw();
  }

  function zoomAt(px, py, factor) {
    const least = 0.5 * whole().scale;
    const scale = Math.min(400 * whole().scale, Math.max(least, view.scale * factor));
    view.left = px - ((px - view.left) * scale) / view.scale;
    view.top = py - ((py - view.top) * scale) / view.scale;
    view.scale = scale;
    draw();
  }

  function isInside(px, py, polygon) {
    let inside = false;
    for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
      const [[ax, ay], [bx, by]] = [polygon[i], polygon[j]];
      if (ay > py !== by > py && px < ((bx - ax) * (py - ay)) / (by - ay) + ax) inside = !inside;
    }
    return inside;
  }
  function select(more) {
    const polygon = lasso;
    if (!more) selected = new Set();
    for (let i = 0; i < count; i++) if (isInside(...placed(i), polygon)) selected.add(i);
    tell();
  }
  function chosen() { return [...selected].sort((a, b) => a - b).map((i) => names[i]); }
  function tell() {
    const all = chosen();
    counted.textContent = all.length === 0 ? "" : all.length.toLocaleString("en") + (all.length === 1 ? " photograph" : " photographs");
    list.textContent = all.slice(0, 500).join("\n") + (all.length > 500 ? "\n... and " + (all.length - 500) + " more" : "");
    list.hidden = all.length === 0;
    for (const button of [copyButton, saveButton, clearButton]) button.disabled = all.length === 0;
    draw();
  }

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomAt(...at(event), Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0016)));
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, at(event));
    if (pointers.size === 1 && (lassoMode || event.shiftKey)) lasso = [at(event)];
    if (pointers.size === 2) lasso = null;
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = at(event);
    const before = pointers.get(event.pointerId);
    if (!before) { point(...now); return; }
    if (lasso) {
      lasso.push(now);
    } else if (pointers.size === 1) {
      view.left += now[0] - before[0];
      view.top += now[1] - before[1];
    } else if (pointers.size === 2) {
      const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
      const distance = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]);
      if (distance(before) > 0) zoomAt((now[0] + other[0]) / 2, (now[1] + other[1]) / 2, distance(now) / distance(before));
    }
    pointers.set(event.pointerId, now);
    draw();
  });
  const release = (event) => {
    if (lasso && lasso.length > 2) select(event.shiftKey && lassoMode);
    else if (event.pointerType !== "mouse" && pointers.has(event.pointerId)) point(...at(event));
    lasso = null;
    pointers.delete(event.pointerId);
    draw();
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", () => { lasso = null; pointers.clear(); draw(); });
  canvas.addEventListener("pointerleave", () => { hovered = -1; hint.textContent = hint.dataset.text; draw(); });
  canvas.addEventListener("keydown", (event) => {
    const { width, height } = size();
    const moves = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
    if (moves[event.key]) { view.left += moves[event.key][0]; view.top += moves[event.key][1]; draw(); }
    else if (event.key === "+" || event.key === "=") zoomAt(width / 2, height / 2, 1.4);
    else if (event.key === "-") zoomAt(width / 2, height / 2, 1 / 1.4);
    else return;
    event.preventDefault();
  });

  lassoButton.addEventListener("click", () => {
    lassoMode = !lassoMode;
    lassoButton.setAttribute("aria-pressed", String(lassoMode));
    canvas.style.cursor = lassoMode ? "crosshair" : "grab";
  });
  document.getElementById("in").addEventListener("click", () => zoomAt(size().width / 2, size().height / 2, 1.6));
  document.getElementById("out").addEventListener("click", () => zoomAt(size().width / 2, size().height / 2, 1 / 1.6));
  document.getElementById("all").addEventListener("click", () => { view = whole(); draw(); });
  clearButton.addEventListener("click", () => { selected = new Set(); tell(); });
  copyButton.addEventListener("click", async () => {
    const text = chosen().join("\n") + "\n";
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Pages from files may not have a clipboard: the old way.
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    copyButton.textContent = "Copied";
    setTimeout(() => { copyButton.textContent = "Copy names"; }, 1500);
  });
  saveButton.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([chosen().join("\n") + "\n"], { type: "text/plain" }));
    link.download = "photographs.txt";
    link.click();
    URL.revokeObjectURL(link.href);
  });
  document.querySelectorAll("[data-class]").forEach((button) => {
    button.addEventListener("click", () => {
      const own = Number(button.dataset.class);
      highlighted = highlighted === own ? -1 : own;
      document.querySelectorAll("[data-class]").forEach((other) => other.setAttribute("aria-pressed", String(Number(other.dataset.class) === highlighted)));
      draw();
    });
  });
  window.addEventListener("resize", () => { view = null; draw(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  sheet.onload = draw;
  if (data.sheet) sheet.src = data.sheet;
  tell();
})();
`;
