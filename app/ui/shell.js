// The bar on top of every page, and the browser's history.
// Streamlit draws the bar anew when its data change; what stands in the page is kept, so that nobody loses the focus.

// --- history ---------------------------------------------------------------------------------------------------
// Streamlit makes an entry for each change of the address. Here an entry is a page and what it shows (`names`, such as
// the key of a record): filters, sliders and ticks are written into the entry that is there.

const add = history.pushState.bind(history);
const write = history.replaceState.bind(history);
let names = []; // parameters of the page that say what it shows
let drawn = null; // the query for which the server drew the page
let go = () => {}; // leads to a page of the app
let before = null; // where the entry led before the server wrote over it

const same = (one, other) => String(new URLSearchParams(one)) === String(new URLSearchParams(other));

function shows(href) {
  const { pathname, searchParams } = new URL(href);
  return JSON.stringify([pathname, names.map((name) => searchParams.getAll(name))]);
}

// What is entered is seen from its top, also where the page stays the same.
function enter(...entry) {
  add(...entry);
  document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
}

// The page stands, so what was written over was its own address: if it shows something else now, that is a new entry.
function settle() {
  const href = location.href;
  if (before && shows(before) !== shows(href)) {
    write({}, "", before);
    enter({}, "", href);
  }
  before = null;
}

history.pushState = (state, unused, url) => {
  const next = new URL(url, location.href);
  if (next.pathname === location.pathname) {
    before ??= location.href;
    write(state, unused, url);
    if (drawn !== null && same(next.search, drawn)) settle();
    return;
  }
  // Going to a page, Streamlit writes that page's query into the entry of this one before it changes the page.
  if (before && same(next.search, location.search)) write({}, "", before);
  else settle();
  before = drawn = null;
  enter(state, unused, url);
};
window.addEventListener("popstate", () => (before = drawn = null));

// --- elements --------------------------------------------------------------------------------------------------

function made(tag, look, text, settings = {}) {
  const element = document.createElement(tag);
  if (look) element.className = look;
  if (text) element.textContent = text;
  for (const [name, value] of Object.entries(settings)) if (value != null) element.setAttribute(name, value);
  return element;
}

// Addresses of this app only: a page, with a query or without.
const HREF = /^(\.\/|[a-z][a-z-]*)(\?[^#]*)?$/;

function link(item, look) {
  return made("a", look, item.label, { href: HREF.test(item.href) ? item.href : null, title: item.help });
}

function menu(item) {
  if (!item.items) {
    const element = link(item, "entry");
    if (item.here) element.setAttribute("aria-current", "page");
    return element;
  }
  const box = made("div", "group");
  const button = made("button", "entry", item.label, { type: "button", "aria-expanded": "false" });
  if (item.here) button.dataset.here = "";
  const list = made("div", "list");
  list.append(
    ...item.items.map((page) => {
      const element = link(page, "page");
      if (page.here) element.setAttribute("aria-current", "page");
      return element;
    }),
  );
  button.onclick = () => {
    const open = button.getAttribute("aria-expanded") === "true";
    closeAll(box.closest(".moe-bar"), button);
    button.setAttribute("aria-expanded", String(!open));
    if (!open) list.querySelector("a").focus();
  };
  box.append(button, list);
  return box;
}

function closeAll(bar, but) {
  for (const button of bar.querySelectorAll('[aria-expanded="true"]'))
    if (button !== but && !button.parentElement.contains(but)) button.setAttribute("aria-expanded", "false");
}

function skeleton() {
  const bar = made("div", "moe-bar");
  const brand = made("a", "brand", "moe-kb", { href: "./", title: "Overview" });
  const more = made("button", "more", "Menu", { type: "button", "aria-expanded": "false" });
  more.onclick = () => {
    const open = more.getAttribute("aria-expanded") === "true";
    closeAll(bar, more);
    more.setAttribute("aria-expanded", String(!open));
  };
  const form = made("form", "search", "", { role: "search" });
  const box = made("input", "", "", {
    type: "search",
    "aria-label": "Search everything",
    placeholder: "Search everything",
    autocomplete: "off",
    spellcheck: "false",
  });
  form.append(box, made("kbd", "", "/", { "aria-hidden": "true" }));
  const copy = made("button", "copy", "Copy link", { type: "button", title: "Copy the address of what this page shows" });
  const top = made("div", "top");
  const pages = made("nav", "pages", "", { "aria-label": "Pages" });
  const holder = made("div", "holder");
  holder.append(more, pages);
  top.append(brand, holder, form, copy);
  bar.append(top, made("div", "way"));
  return bar;
}

function way(data) {
  const parts = [];
  if (data.trail.length) {
    const trail = made("nav", "trail", "", { "aria-label": "Breadcrumb" });
    const list = made("ol");
    for (const step of data.trail) {
      const item = made("li");
      if (step.href) item.append(link(step));
      else item.append(made("span", "", step.label, { "aria-current": "page" }));
      list.append(item);
    }
    trail.append(list);
    parts.push(trail);
  }
  const beside = made("nav", "beside", "", { "aria-label": "Previous and next" });
  for (const [side, words] of [["previous", "‹ Previous"], ["next", "Next ›"]]) {
    const other = data[side];
    if (!other) continue;
    const element = link({ ...other, label: words, help: other.label }, side);
    element.setAttribute("aria-label", `${side === "next" ? "Next" : "Previous"}: ${other.label}`);
    beside.append(element);
  }
  if (beside.children.length) parts.push(beside);
  return parts;
}

// --- what the bar does -----------------------------------------------------------------------------------------

const pageOf = (href) => new URL(href, location.href).pathname.split("/").pop();

async function copyLink(button, base) {
  const here = new URL(location.href);
  const root = base || here.origin + here.pathname.replace(/[^/]*$/, "");
  const text = root.replace(/\/?$/, "/") + pageOf(here.href) + here.search;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without https a browser has no clipboard but this.
    const field = made("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy link"), 2000);
}

function isTyping(event) {
  const at = event.composedPath()[0];
  return at.isContentEditable || (at.matches?.("input, textarea, select") && !/^(checkbox|radio|range|button)$/.test(at.type));
}

const current = () => document.querySelector(".moe-bar");

document.addEventListener("keydown", (event) => {
  const bar = current();
  if (!bar || event.defaultPrevented) return;
  if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event)) {
    event.preventDefault();
    bar.querySelector("input").focus();
    bar.querySelector("input").select();
  } else if (event.key === "Escape") {
    const open = [...bar.querySelectorAll('[aria-expanded="true"]')].pop();
    if (open) {
      open.setAttribute("aria-expanded", "false");
      open.focus();
    } else if (event.target === bar.querySelector("input")) event.target.blur();
  }
});
document.addEventListener("click", (event) => {
  const bar = current();
  if (!bar) return;
  const link = event.composedPath().find((part) => part.tagName === "A");
  if (link || !event.target.closest?.(".moe-bar .holder")) closeAll(bar);
  // A link to a page of the app, wherever it stands, goes there without loading the app anew. With a key held, or another
  // button, it opens in a tab of its own, as links do.
  const held = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button;
  if (!link || held || event.defaultPrevented || !HREF.test(link.getAttribute("href"))) return;
  const { href, searchParams } = new URL(link.getAttribute("href"), location.href);
  event.preventDefault();
  go({ page: pageOf(href), query: [...searchParams] });
});

export default function ({ data, parentElement, setTriggerValue }) {
  const bar = parentElement.querySelector(".moe-bar") || skeleton();
  if (!bar.parentElement) parentElement.append(bar);
  names = data.names;
  go = (place) => setTriggerValue("go", place);
  if (pageOf(location.href) === data.here) {
    drawn = data.query;
    if (same(drawn, location.search)) settle();
  }
  // Focus rings stand in the whole page, which does not know the colours that a component is given.
  document.documentElement.style.setProperty("--moe-focus", getComputedStyle(bar).getPropertyValue("--st-link-color"));

  bar.querySelector(".pages").replaceChildren(...data.menu.map(menu));
  bar.querySelector(".way").replaceChildren(...way(data));
  const box = bar.querySelector("input");
  if (document.activeElement !== box) box.value = data.q;
  bar.querySelector(".copy").onclick = (event) => copyLink(event.currentTarget, data.base);
  bar.querySelector("form").onsubmit = (event) => {
    event.preventDefault();
    if (!box.value.trim()) return;
    box.blur();
    setTriggerValue("search", box.value.trim());
  };
}
