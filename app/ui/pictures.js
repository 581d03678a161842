// Shows pictures that moe_kb.pictures drew. Nothing here makes markup of text: names go in as text, and a picture is
// parsed as XML, of which only the elements and attributes that pictures have are kept (a second lock: the builder in
// moe_kb/pictures/svg.py writes no others).

const TAGS = new Set("svg style title desc g a rect circle path text tspan".split(" "));
const ATTRIBUTES = new Set(
  ("xmlns viewBox width height role aria-label class x y rx cx cy r d transform text-anchor font-size font-weight " +
    "font-style href data-record data-part").split(" "),
);
const HREF = /^[a-z]+\?key=[a-z0-9.-]+$/;

function parsed(source) {
  const root = new DOMParser().parseFromString(source, "image/svg+xml").documentElement;
  if (root.localName !== "svg") throw new Error("this is no picture");
  for (const element of [root, ...root.querySelectorAll("*")]) {
    if (!TAGS.has(element.localName)) element.remove();
    for (const { name, value } of [...element.attributes])
      if (!ATTRIBUTES.has(name) || (name === "href" && !HREF.test(value))) element.removeAttribute(name);
  }
  return document.importNode(root, true);
}

function made(tag, look, text) {
  const element = document.createElement(tag);
  if (look) element.className = look;
  if (text) element.textContent = text;
  return element;
}

function save(blob, name) {
  const link = made("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function savePng(source, name) {
  const image = new Image();
  image.onload = () => {
    // Twice the size, sharp in print; browsers refuse canvases beyond some 16,000 pixels a side.
    const scale = Math.min(2, 16000 / Math.max(image.width, image.height));
    const canvas = made("canvas");
    canvas.width = image.width * scale;
    canvas.height = image.height * scale;
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => save(blob, name), "image/png");
  };
  image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(source);
}

function button(label, help, action) {
  const element = made("button", "", label);
  element.type = "button";
  element.title = help;
  element.onclick = action;
  return element;
}

function tools(source, file) {
  const bar = made("div", "tools");
  const type = "image/svg+xml";
  bar.append(
    button("SVG", "Download the picture as SVG", () => save(new Blob([source], { type }), `${file}.svg`)),
    button("PNG", "Download the picture as PNG", () => savePng(source, `${file}.png`)),
  );
  return bar;
}

function sheet(look, source) {
  const place = made("div", look);
  const svg = parsed(source);
  // Little more than the size at which its words are as large as the page's.
  svg.style.maxWidth = `${Math.round(1.15 * svg.getAttribute("width"))}px`;
  place.append(svg);
  return place;
}

function card(item) {
  const box = made("figure");
  if (item.name) {
    const name = made("a", "name", item.name);
    if (HREF.test(item.href)) {
      name.href = item.href;
      name.dataset.record = item.record;
    }
    const caption = made("figcaption");
    caption.append(name);
    if (item.note) caption.append(made("span", "note", item.note));
    box.append(caption);
  }
  const narrow = sheet("narrow", item.svg);
  box.append(narrow);
  if (item.wide) box.append(sheet("wide", item.wide));
  if (item.file) box[item.poster ? "prepend" : "append"](tools(item.saved || item.wide || item.svg, item.file));
  if (item.poster) {
    const named = () => (box.classList.contains("fit") ? "Full size" : "Fit to width");
    box.classList.toggle("fit", Boolean(item.fit));
    const whole = button(named(), "Show the whole picture, or at the size of its text", () => {
      box.classList.toggle("fit");
      whole.textContent = named();
    });
    box.querySelector(".tools").append(whole);
    box.classList.add("poster");
    narrow.tabIndex = 0;
    narrow.setAttribute("role", "region");
    narrow.setAttribute("aria-label", "The picture; scroll to see all of it");
  }
  return box;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const place = parentElement.querySelector(".pictures") || made("div");
  place.className = data.grid ? "pictures grid" : "pictures";
  const kept = place.querySelector(".poster .narrow");
  const at = kept && [kept.scrollLeft, kept.scrollTop];
  place.replaceChildren(...data.items.map(card));
  if (data.saved) {
    const all = tools(data.saved.svg, data.saved.file);
    all.prepend(made("span", "note", "All on one sheet"));
    place.prepend(all);
  }
  parentElement.append(place);
  const poster = place.querySelector(".poster .narrow");
  if (poster && at) [poster.scrollLeft, poster.scrollTop] = at;
  // Under the pointer, a design of the poster shows its own relations; the others step back.
  place.onmouseover = (event) => {
    const record = event.target.closest(".poster a[data-record]")?.dataset.record;
    for (const edge of place.querySelectorAll(".poster g[data-part]"))
      edge.style.opacity = !record || edge.dataset.part.split(" ").includes(record) ? "" : "0.08";
  };
  place.onclick = (event) => {
    const link = event.target.closest("[data-record]");
    // With a key held, or another button, a link opens in a tab of its own, as links do.
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button) return;
    event.preventDefault();
    setTriggerValue("open", link.dataset.record);
  };
}
