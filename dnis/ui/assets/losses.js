// The curves below the picture: every part's loss by epoch, the moment on show, and the best epoch.

const LOSSES_HEIGHT = 240;

function drawLosses(player) {
  const { data, words, at, last } = player;
  const svg = player.find(".losses > svg");
  const width = Math.max(220, svg.clientWidth || 480);
  const height = LOSSES_HEIGHT;
  const box = { left: 52, right: width - 10, top: 22, bottom: height - 42 };
  const names = Object.keys(words.parts).filter((name) => data.losses[name]);
  const values = names.flatMap((name) => data.losses[name]).filter((v) => v !== null);
  const low = values.length ? Math.min(...values) : 0;
  const high = values.length ? Math.max(...values) : 1;
  const pad = (high - low || 1) * 0.06;
  const y = scale(low - pad, high + pad, box.bottom, box.top);
  const end = Math.max(data.total || 0, last >= 0 ? data.epochs[last] : 1, 2);
  const x = scale(1, end, box.left, box.right);
  x.ticks = ticks(1, end, Math.max(3, width / 90)).filter(Number.isInteger).map((v) => [v, whole(v)]);
  player.time = x;
  const xs = data.epochs.map(x.at);
  const nodes = axes(box, x, y, words.epoch, data.metric);
  const warm = data.phases.lastIndexOf("warm");
  if (warm >= 0) nodes.unshift(shape("rect", { class: "warm", x: box.left, y: box.top, width: Math.max(0, xs[warm] - box.left), height: box.bottom - box.top }));
  for (const name of names) nodes.push(shape("path", { class: `curve ${name}`, d: path(xs, data.losses[name].map((v) => (v === null ? null : y.at(v)))) }));
  if (last >= 0) nodes.push(shape("line", { class: "cursor", x1: xs[at], x2: xs[at], y1: box.top, y2: box.bottom }));
  for (const [epoch, texts] of notesByEpoch(data.notes)) {
    const place = x.at(epoch);
    const mark = shape("path", { class: `note ${last >= 0 && data.epochs[at] === epoch ? "just" : ""}`, d: `M${place} ${box.bottom - 10}l5.5 10h-11z` }, [shape("title", { text: `${say(words.at_epoch, { epoch })}: ${texts.join("; ")}` })]);
    nodes.push(mark);
  }
  const best = data.epochs.indexOf(data.best);
  if (best >= 0 && data.losses.select_val) {
    nodes.push(shape("circle", { class: "best", cx: xs[best], cy: y.at(data.losses.select_val[best]), r: 4.5 }, [shape("title", { text: words.best })]));
  }
  fill(svg, { viewBox: `0 0 ${width} ${height}`, height, "aria-label": words.losses }, []).replaceChildren(...nodes);
  player.find(".losses .keys").replaceChildren(
    ...names.map((name) => {
      const value = last >= 0 ? data.losses[name][at] : null;
      const line = shape("svg", { viewBox: "0 0 22 8", "aria-hidden": "true" }, [shape("path", { class: `curve ${name}`, d: "M0 4H22" })]);
      return make("span", { class: "key", title: words.parts_help[name] || "" }, [line, `${words.parts[name]} ${value === null ? "" : value.toFixed(4)}`]);
    }),
  );
}

function notesByEpoch(notes) {
  const found = new Map();
  for (const [epoch, text] of notes) found.set(epoch, [...(found.get(epoch) || []), text]);
  return found;
}
