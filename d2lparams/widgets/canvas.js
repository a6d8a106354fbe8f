// A picture, and over it boxes, lines and words: where only these change, no new picture has to come.

const FONT = '"DejaVu Sans", Verdana, sans-serif';
const MARKS = {
  o: (pen, x, y, r) => pen.arc(x, y, r, 0, 2 * Math.PI),
  s: (pen, x, y, r) => pen.rect(x - r, y - r, 2 * r, 2 * r),
  "^": (pen, x, y, r) => { pen.moveTo(x, y - r); pen.lineTo(x + r, y + r); pen.lineTo(x - r, y + r); },
};

// Filled boxes meet without a seam: their sides stand on whole pixels of the screen.
function drawBox(pen, { box: [x, y, width, height], fill, edge, width: line }, ratio) {
  if (fill) {
    const [left, top, right, bottom] = [x, y, x + width, y + height].map((side) => Math.round(side * ratio) / ratio);
    pen.fillStyle = fill;
    pen.fillRect(left, top, right - left, bottom - top);
  }
  if (edge && line) {
    pen.setLineDash([]);
    pen.lineJoin = "miter";
    pen.strokeStyle = edge;
    pen.lineWidth = line;
    pen.strokeRect(x, y, width, height);
  }
}

function drawLine(pen, { color, width, dash, mark, radius, clip }, points) {
  pen.save();
  pen.beginPath();
  pen.rect(...clip);
  pen.clip();
  pen.strokeStyle = pen.fillStyle = color;
  pen.lineWidth = width;
  pen.lineJoin = "round";
  pen.setLineDash(dash);
  pen.beginPath();
  let gap = true; // where a point is NaN
  for (const [x, y] of width ? points : []) {
    if (gap) pen.moveTo(x, y);
    else pen.lineTo(x, y);
    gap = Number.isNaN(y);
  }
  pen.stroke();
  for (const [x, y] of mark ? points : []) {
    pen.beginPath();
    MARKS[mark](pen, x, y, radius);
    pen.fill();
  }
  pen.restore();
}

function drawText(pen, { text, x, y, color, size, align, baseline }) {
  pen.font = `${size}px ${FONT}`;
  pen.fillStyle = color;
  pen.textAlign = align;
  pen.textBaseline = baseline;
  pen.fillText(text, x, y);
}

function draw(canvas, background, { boxes = [], lines, texts, points }) {
  const ratio = window.devicePixelRatio;
  const pen = canvas.getContext("2d");
  const size = [ratio * background.width, ratio * background.height].map(Math.round);
  if (canvas.width !== size[0]) canvas.width = size[0];
  if (canvas.height !== size[1]) canvas.height = size[1];
  canvas.style.width = `${background.width}px`;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.drawImage(background, 0, 0);
  const numbers = new Float32Array(points.buffer.slice(points.byteOffset, points.byteOffset + points.byteLength));
  const pairs = Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i], numbers[2 * i + 1]]);
  for (const box of boxes) drawBox(pen, box, ratio);
  for (const line of lines) drawLine(pen, line, pairs.splice(0, line.count));
  for (const text of texts) drawText(pen, text);
}

export default {
  render({ model, el }) {
    const canvas = document.createElement("canvas");
    canvas.style.maxWidth = "100%";
    canvas.setAttribute("role", "img");
    el.append(canvas);
    let png, decoded;
    const update = async () => {
      if (png !== model.get("background")) {
        png = model.get("background");
        decoded = createImageBitmap(new Blob([png], { type: "image/png" }));
      }
      const mine = decoded;
      const background = await mine;
      if (mine !== decoded) return; // a newer one has come meanwhile
      canvas.setAttribute("aria-label", model.get("label"));
      delete model.get("overlay").padding; // which is not to be stored: see TCP_SEGMENT in canvas.py
      draw(canvas, background, model.get("overlay"));
    };
    model.on("change", update);
    window.addEventListener("resize", update); // as zooming does, and then the picture has other pixels
    update();
    // whether there is a network between: see TCP_SEGMENT in canvas.py
    model.set("is_local", ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname));
    model.save_changes();
    return () => {
      model.off("change", update);
      window.removeEventListener("resize", update);
    };
  },
};
