// A table of records as HTML: names are links, headings sort, rows can be ticked. Nothing here makes markup of text: every
// word goes in as text, and an address becomes a link only where it leads to a page of the app or out over http(s).

const PAGE = /^[a-z-]+\?[\w.~%=&+:\/-]+$/;
const WEB = /^https?:\/\/\S+$/i;
const SVG = "http://www.w3.org/2000/svg";
const LETTER = 7.3; // pixels of a letter, on average
const TAGS = 4; // more would make a row a page
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

function made(tag, look, text) {
  const element = document.createElement(tag);
  if (look) element.className = look;
  if (text !== undefined && text !== null) element.textContent = text;
  return element;
}

function link(address, text, look) {
  const element = made("a", look, text);
  element.href = address;
  if (WEB.test(address)) {
    element.target = "_blank";
    element.rel = "noopener noreferrer";
    element.title = address;
  }
  return element;
}

// What a cell of each kind holds, how it is ordered, and how many letters it is wide.
const KINDS = {
  name: {
    fill(cell, value) {
      const known = value.record && PAGE.test(value.href);
      const name = known ? link(value.href, value.text, "name") : made("span", "name", value.text);
      if (known) name.dataset.record = value.record;
      if (value.about) name.title = value.about;
      cell.append(name);
      if (value.under) cell.append(made("span", "under", value.under));
    },
    order: (value) => value.text,
    letters: (value) => value.text.length,
  },
  text: {
    fill(cell, value) {
      cell.append(made("span", "clamped", value));
      if (value.length > 60) cell.title = value;
    },
    order: (value) => value,
    letters: (value) => value.length,
  },
  number: {
    fill(cell, [text, , look]) {
      cell.append(made("span", look, text));
    },
    order: ([, number]) => number,
    letters: ([text]) => text.length,
  },
  tags: {
    fill(cell, value) {
      if (value.length > TAGS) cell.title = value.map(([text]) => text).join("; ");
      for (const [text, colour] of value.length > TAGS ? [...value.slice(0, TAGS), [`+ ${value.length - TAGS}`]] : value) {
        const tag = made("span", "tag", text);
        if (colour) tag.dataset.colour = colour;
        cell.append(tag);
      }
    },
    order: (value) => value.map(([text]) => text).join(", "),
    letters: (value) => value.reduce((sum, [text]) => sum + text.length + 3, 0),
  },
  check: {
    fill(cell, value) {
      if (!value) return;
      const mark = made("span", "", "✓");
      mark.setAttribute("role", "img");
      mark.setAttribute("aria-label", "yes");
      cell.append(mark);
    },
    order: (value) => (value ? 1 : null),
    letters: () => 2,
  },
  link: {
    fill(cell, [text, address]) {
      if (WEB.test(address)) cell.append(link(address, text, "outside"));
    },
    order: ([text]) => text,
    letters: ([text]) => text.length,
  },
  found: {
    fill(cell, parts) {
      const words = made("span", "clamped");
      for (const [text, marked] of parts) words.append(marked ? made("mark", "", text) : text);
      cell.append(words);
    },
    order: (parts) => parts.map(([text]) => text).join(""),
    letters: (parts) => parts.reduce((sum, [text]) => sum + text.length, 0),
  },
  curve: {
    fill(cell, values) {
      const low = Math.min(...values);
      const range = Math.max(...values) - low || 1;
      const step = 88 / Math.max(values.length - 1, 1);
      const drawing = document.createElementNS(SVG, "svg");
      drawing.setAttribute("viewBox", "0 0 90 24");
      drawing.setAttribute("role", "img");
      drawing.setAttribute("aria-label", `from ${values[0]} to ${values[values.length - 1]}`);
      const line = document.createElementNS(SVG, "polyline");
      line.setAttribute("points", values.map((y, i) => `${1 + i * step},${22 - (20 * (y - low)) / range}`).join(" "));
      drawing.append(line);
      cell.append(drawing);
    },
    order: (values) => values[values.length - 1],
    letters: () => 13,
  },
};
const RIGHT = new Set(["number"]);
const MIDDLE = new Set(["check"]);
const FIXED = new Set(["number", "check", "curve", "link"]);
// Whose first click sorts the largest first.
const DESCENDING = new Set(["number", "check"]);

const isEmpty = (value) => value === null || value === undefined || value === false || value.length === 0;

// Columns are as wide as what they hold, within bounds; all rows are grids of these same columns.
function widths(data) {
  const sample = data.rows.slice(0, 200);
  const columns = data.columns.map(({ kind, label, width }, at) => {
    const heading = 28 + LETTER * Math.max(...label.split(/\s+/).map((word) => word.length));
    const letters = Math.max(0, ...sample.map(({ cells }) => (isEmpty(cells[at]) ? 0 : KINDS[kind].letters(cells[at]))));
    const natural = Math.max(heading, 22 + LETTER * letters);
    if (FIXED.has(kind)) return [natural, natural];
    const wanted = width || (kind === "name" ? 300 : 190);
    return [Math.max(heading, Math.min(natural, 0.65 * wanted)), Math.max(heading, Math.min(natural, 1.7 * wanted))];
  });
  if (data.selectable) columns.unshift([36, 36]);
  if (data.pick) columns.unshift([88, 88]);
  return {
    template: columns.map(([least, most]) => `minmax(${Math.round(least)}px, ${Math.round(most)}px)`).join(" "),
    least: Math.round(columns.reduce((sum, [least]) => sum + least, 0)),
  };
}

function part(tag, role, look) {
  const element = made(tag, look);
  element.setAttribute("role", role); // a table whose rows are grids is none for some screen readers
  return element;
}

function look({ kind, minor }) {
  return [kind, RIGHT.has(kind) && "right", MIDDLE.has(kind) && "middle", minor && "minor"].filter(Boolean).join(" ");
}

// A row without values, of which all rows are copies: a browser copies much faster than it makes.
function emptyRow(data) {
  const row = part("tr", "row");
  if (data.selectable) {
    const box = made("input");
    box.type = "checkbox";
    const cell = part("td", "cell", "tick");
    cell.append(box);
    row.append(cell);
  }
  if (data.pick) {
    const button = made("button", "", data.pick);
    button.type = "button";
    const cell = part("td", "cell", "pick");
    cell.append(button);
    row.append(cell);
  }
  for (const column of data.columns) {
    const first = column.kind === "name";
    const cell = part(first ? "th" : "td", first ? "rowheader" : "cell", look(column));
    cell.dataset.label = column.label;
    row.append(cell);
  }
  return row;
}

function bodyRow(data, model, nameAt, { id, cells }) {
  const row = model.cloneNode(true);
  row.dataset.id = id;
  const called = nameAt < 0 ? id : cells[nameAt].text;
  const places = [...row.children];
  if (data.selectable) places.shift().firstChild.setAttribute("aria-label", `Tick ${called}`);
  if (data.pick) places.shift().firstChild.setAttribute("aria-label", `${data.pick}: ${called}`);
  places.forEach((cell, at) => {
    if (isEmpty(cells[at])) cell.classList.add("empty");
    else KINDS[data.columns[at].kind].fill(cell, cells[at]);
  });
  return row;
}

function headRow(data) {
  const row = part("tr", "row");
  if (data.selectable) {
    const cell = part("th", "columnheader", "tick");
    const box = made("input");
    box.type = "checkbox";
    const many = data.rows.length > data.most;
    box.disabled = many;
    const words = many ? `At most ${data.most} rows can be ticked: narrow the list first` : "Tick all shown";
    box.title = words;
    box.setAttribute("aria-label", words);
    cell.append(box);
    row.append(cell);
  }
  if (data.pick) row.append(part("th", "columnheader", "pick"));
  for (const column of data.columns) {
    const cell = part("th", "columnheader", look(column));
    cell.dataset.column = column.name;
    const button = made("button", "", column.label);
    button.type = "button";
    if (column.help) button.title = column.help;
    const arrow = made("span", "arrow");
    arrow.setAttribute("aria-hidden", "true");
    button.append(arrow);
    cell.append(button);
    row.append(cell);
  }
  return row;
}

// For screens on which a record is a card and no heading is seen.
function sorter(data) {
  const label = made("label", "sorter", "Sort by ");
  const choice = made("select");
  const options = [["", "as listed"]];
  for (const { name, label: words, kind } of data.columns) {
    const ways = DESCENDING.has(kind) ? [["-", "↓"], ["", "↑"]] : [["", "↑"], ["-", "↓"]];
    for (const [sign, arrow] of ways) options.push([sign + name, `${words} ${arrow}`]);
  }
  for (const [value, words] of options) {
    const option = made("option", "", words);
    option.value = value;
    choice.append(option);
  }
  label.append(choice);
  return label;
}

function built(data) {
  const place = made("div", "records");
  const { template, least } = widths(data);
  place.style.setProperty("--columns", template);
  place.style.setProperty("--least", `${least}px`);
  const bar = made("div", "bar");
  const count = made("span", "count");
  count.setAttribute("role", "status");
  const clear = made("button", "clear", "Untick all");
  clear.type = "button";
  clear.hidden = true;
  bar.append(sorter(data), count, clear);
  const box = made("div", "box");
  if (data.height) box.style.maxHeight = `${data.height}px`;
  box.tabIndex = 0; // to be scrolled by keys
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", data.label);
  const table = part("table", "table");
  table.setAttribute("aria-label", data.label);
  const head = part("thead", "rowgroup");
  head.append(headRow(data));
  const body = part("tbody", "rowgroup");
  const model = emptyRow(data);
  const nameAt = data.columns.findIndex(({ kind }) => kind === "name");
  body.append(...data.rows.map((row) => bodyRow(data, model, nameAt, row)));
  table.append(head, body);
  box.append(table);
  place.append(bar, box);
  return place;
}

function sorted(state) {
  const { data, place, sort } = state;
  const name = sort.replace(/^-/, "");
  const way = sort.startsWith("-") ? -1 : 1;
  const at = data.columns.findIndex((column) => column.name === name);
  const order = at < 0 ? null : KINDS[data.columns[at].kind].order;
  const keyed = data.rows.map(({ cells }, i) => [order && !isEmpty(cells[at]) ? order(cells[at]) : null, state.elements[i]]);
  if (order) {
    const none = (value) => value === null || value === undefined;
    keyed.sort(([a], [b]) => {
      if (none(a) || none(b)) return none(a) - none(b); // what is empty stands last, whichever way
      return way * (typeof a === "number" && typeof b === "number" ? a - b : collator.compare(a, b));
    });
  }
  place.querySelector("tbody").append(...keyed.map(([, element]) => element));
  for (const cell of place.querySelectorAll("thead th[data-column]")) {
    const on = cell.dataset.column === name;
    if (on) cell.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
    else cell.removeAttribute("aria-sort");
    cell.querySelector(".arrow").textContent = on ? (way > 0 ? "▲" : "▼") : "";
  }
  place.querySelector("select").value = at < 0 ? "" : sort;
}

function marked(state) {
  const { data, place, ticked, elements } = state;
  let shown = 0;
  data.rows.forEach(({ id }, i) => {
    const on = ticked.has(id);
    shown += on;
    if (data.selectable) elements[i].querySelector("input").checked = on;
    elements[i].classList.toggle("ticked", on);
    if (data.pick) elements[i].querySelector("button").setAttribute("aria-pressed", String(id === data.picked));
    elements[i].classList.toggle("picked", !!data.pick && id === data.picked);
  });
  if (!data.selectable) return;
  const all = place.querySelector("thead input");
  all.checked = shown > 0 && shown === data.rows.length;
  all.indeterminate = shown > 0 && shown < data.rows.length;
  const hidden = ticked.size - shown;
  place.querySelector(".count").textContent = ticked.size
    ? `${ticked.size} ticked${hidden ? `, ${hidden} of them not shown` : ""}`
    : "";
  place.querySelector(".clear").hidden = !ticked.size;
}

export default function ({ data, parentElement, setTriggerValue }) {
  let state = parentElement.table;
  const rows = JSON.stringify([data.columns, data.rows, data.height]);
  if (!state || state.rows !== rows) {
    const place = built(data);
    const old = parentElement.querySelector(".records");
    const at = old && old.querySelector(".box").scrollTop;
    if (old) old.replaceWith(place);
    else parentElement.append(place);
    if (at) place.querySelector(".box").scrollTop = at;
    const elements = [...place.querySelectorAll("tbody tr")];
    const last = state && { sort: state.sort, sent: state.sent, ticked: state.ticked };
    state = parentElement.table = { ...last, rows, place, elements };
    state.sort ??= "";
    state.sent ??= {};
    state.shown = null;
  }
  // What was clicked here counts until the server has answered it: an answer to an earlier click is no news.
  const told = { sort: data.sort, ticked: data.ticked.join(",") };
  const news = (name) => {
    if (state.sent[name] === undefined) return true;
    if (state.sent[name] === told[name]) delete state.sent[name];
    return false;
  };
  state.data = data;
  if (news("ticked")) state.ticked = new Set(data.ticked);
  if (news("sort")) state.sort = data.sort;
  if (state.shown !== state.sort) {
    sorted(state);
    state.shown = state.sort;
  }
  marked(state);

  const sortBy = (sort) => {
    state.sort = state.shown = state.sent.sort = sort;
    sorted(state);
    setTriggerValue("sort", sort);
  };
  const tick = () => {
    marked(state);
    state.sent.ticked = [...state.ticked].join(",");
    setTriggerValue("tick", [...state.ticked]);
  };
  const { place } = state;
  place.onclick = (event) => {
    const on = (choice) => event.target.closest(choice);
    const record = on("a[data-record]");
    if (record) {
      // With a key held, or another button, a link opens in a tab of its own, as links do.
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button) return;
      event.preventDefault();
      setTriggerValue("open", record.dataset.record);
    } else if (on("thead button")) {
      const { column } = on("th").dataset;
      const down = DESCENDING.has(data.columns.find(({ name }) => name === column).kind);
      const ways = down ? [`-${column}`, column, ""] : [column, `-${column}`, ""];
      sortBy(ways[(ways.indexOf(state.sort) + 1) % 3]);
    } else if (on(".pick button")) {
      const { id } = on("tr").dataset;
      setTriggerValue("pick", id === data.picked ? "" : id);
    } else if (on(".clear")) {
      state.ticked.clear();
      tick();
    }
  };
  place.onchange = (event) => {
    if (event.target.localName === "select") return sortBy(event.target.value);
    const change = (id) => (event.target.checked ? state.ticked.add(id) : state.ticked.delete(id));
    if (event.target.closest("thead")) for (const { id } of data.rows) change(id);
    else if (!event.target.checked || state.ticked.size < data.most) change(event.target.closest("tr").dataset.id);
    tick();
  };
  // Up and down lead to the same place of the next row.
  place.onkeydown = (event) => {
    const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    const cell = event.target.closest("tbody td, tbody th");
    if (!step || !cell) return;
    const at = [...cell.parentElement.children].indexOf(cell);
    const next = cell.parentElement[step]?.children[at]?.querySelector("a, button, input");
    if (!next) return;
    event.preventDefault();
    next.focus();
  };
}
