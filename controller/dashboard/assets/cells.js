// Draws cells on a canvas that is as large as its window, however many there are. A status is a colour and a shape.

const sizes = [[400, 22], [4000, 15], [Infinity, 10]]; // up to so many cells, so many pixels from one to the next
const most = 16 * 15; // pixels that the window is high at most
const pad = 6;

export class Cells {
  constructor(canvas, box, tall) {
    this.canvas = canvas;
    this.box = box;
    this.tall = tall;
    this.total = 0;
    this.columns = 1;
    this.rows = 1;
    this.pitch = 22;
    box.addEventListener("scroll", () => this.later(), { passive: true });
    new ResizeObserver(() => this.layout()).observe(box);
    addEventListener("dogear-theme", () => {
      this.colours = null;
      this.later();
    });
  }

  // set says what to draw: so many cells, the status of each, which one has the focus and which the pointer.
  set(total, status, focus, over) {
    Object.assign(this, { status, focus, over });
    if (total !== this.total) {
      this.total = total;
      this.pitch = sizes.find(([n]) => total <= n)[1];
      this.layout();
    }
    this.later();
  }

  layout() {
    const width = this.box.clientWidth - 2 * pad;
    if (width <= 0) return;
    this.columns = Math.max(1, Math.floor(width / this.pitch));
    const height = Math.ceil(this.total / this.columns) * this.pitch + 2 * pad;
    this.box.style.height = Math.max(34, Math.min(height, most)) + "px";
    this.tall.style.height = Math.max(height, 34) + "px";
    this.later();
  }

  // hit is which cell an event points at; -1: none.
  hit(e) {
    const r = this.canvas.getBoundingClientRect();
    const column = Math.floor((e.clientX - r.left - pad) / this.pitch);
    const row = Math.floor((e.clientY - r.top + this.box.scrollTop - pad) / this.pitch);
    const at = row * this.columns + column;
    return column >= 0 && column < this.columns && row >= 0 && at < this.total ? at : -1;
  }

  reveal(at) {
    const top = Math.floor(at / this.columns) * this.pitch;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    const low = top + this.pitch + 2 * pad - this.box.clientHeight;
    if (low > this.box.scrollTop) this.box.scrollTop = low;
  }

  later() {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      this.draw();
    });
  }

  draw() {
    const { box, canvas, pitch, columns } = this;
    const width = box.clientWidth;
    const height = box.clientHeight;
    if (!width || !this.status) return;
    const scale = devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
      canvas.style.height = height + "px";
    }
    this.rows = Math.max(1, Math.floor((height - 2 * pad) / pitch));
    this.colours ??= readColours();
    const g = canvas.getContext("2d");
    g.setTransform(scale, 0, 0, scale, 0, 0);
    g.clearRect(0, 0, width, height);
    const top = box.scrollTop;
    const first = Math.max(0, Math.floor((top - pad) / pitch)) * columns;
    const last = Math.min(this.total, (Math.floor((top + height - pad) / pitch) + 1) * columns);
    const place = (at) => [pad + (at % columns) * pitch, pad + Math.floor(at / columns) * pitch - top];
    const size = pitch - (pitch > 12 ? 4 : 2);
    const of = [[], [], [], []];
    for (let at = first; at < last; at++) of[this.status(at)]?.push(place(at));
    shapes(g, of, size, this.colours);
    this.ring(g, this.over, place, size, 1);
    this.ring(g, this.focus, place, size, 2);
  }

  ring(g, at, place, size, width) {
    if (at === undefined || at < 0 || at >= this.total) return;
    const [x, y] = place(at);
    g.strokeStyle = this.colours.ink;
    g.lineWidth = width;
    g.strokeRect(x - 1.5, y - 1.5, size + 3, size + 3);
  }
}

// shapes: pending is a frame, running a frame with a filled middle, completed is full, failed is full with a cross.
function shapes(g, [pending, running, completed, failed], size, colours) {
  const round = size > 9 ? 3 : 1.5;
  const boxes = (list, inset) => {
    g.beginPath();
    for (const [x, y] of list) g.roundRect(x + inset, y + inset, size - 2 * inset, size - 2 * inset, Math.max(0.5, round - inset));
  };
  g.lineWidth = 1;
  g.strokeStyle = colours.pending;
  g.globalAlpha = 0.55;
  boxes(pending, 0.5);
  g.stroke();
  g.globalAlpha = 1;
  g.fillStyle = colours.completed;
  boxes(completed, 0);
  g.fill();
  g.strokeStyle = g.fillStyle = colours.running;
  g.lineWidth = size > 9 ? 2 : 1.5;
  boxes(running, g.lineWidth / 2);
  g.stroke();
  boxes(running, size * 0.32);
  g.fill();
  g.fillStyle = colours.failed;
  boxes(failed, 0);
  g.fill();
  g.strokeStyle = colours.sheet;
  g.lineWidth = size > 9 ? 2 : 1.2;
  const a = size * 0.27;
  g.beginPath();
  for (const [x, y] of failed) {
    g.moveTo(x + a, y + a);
    g.lineTo(x + size - a, y + size - a);
    g.moveTo(x + size - a, y + a);
    g.lineTo(x + a, y + size - a);
  }
  g.stroke();
}

// readColours resolves the tokens by an element's colour: a token's own value says those of both themes.
function readColours() {
  const probe = document.body.appendChild(document.createElement("span"));
  const read = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const colours = { pending: read("pending"), running: read("running"), completed: read("completed"), failed: read("failed"), sheet: read("sheet"), ink: read("ink") };
  probe.remove();
  return colours;
}
