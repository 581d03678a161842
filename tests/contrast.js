// Every visible piece of text on the page whose contrast to what lies behind it is less than WCAG's 4.5 (3 where it is large).
() => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  const known = new Map();
  // Any colour that CSS knows, as red, green and blue from 0 to 255 and alpha from 0 to 1.
  const colour = (text) => {
    if (!known.has(text)) {
      brush.clearRect(0, 0, 1, 1);
      brush.fillStyle = "#000";
      brush.fillStyle = text;
      brush.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = brush.getImageData(0, 0, 1, 1).data;
      known.set(text, [r, g, b, a / 255]);
    }
    return known.get(text);
  };
  const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a), 1];
  const luminance = (rgb) => {
    const [r, g, b] = rgb.slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const up = (element) => element.parentElement || (element.getRootNode() instanceof ShadowRoot ? element.getRootNode().host : null);
  const within = ([x, y], { left, right, top, bottom }) => x >= left && x <= right && y >= top && y <= bottom;
  const middle = (box) => [box.x + box.width / 2, box.y + box.height / 2];
  const behind = (element, point) => {
    const layers = [];
    for (let at = element; at; at = up(at)) {
      if (at !== document.body && at !== document.documentElement && !within(point, at.getBoundingClientRect())) continue;
      const { backgroundColor } = getComputedStyle(at);
      const paint = colour(backgroundColor);
      if (paint[3] > 0) layers.push(paint);
      if (paint[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
  };
  const opacity = (element) => {
    let product = 1;
    for (let at = element; at; at = up(at)) product *= Number(getComputedStyle(at).opacity);
    return product;
  };
  // The colour of a picture, stretched over its place, at a point.
  const pixel = (image, [x, y]) => {
    const area = image.getBoundingClientRect();
    const whole = document.createElement("canvas");
    [whole.width, whole.height] = [Math.max(1, Math.round(area.width)), Math.max(1, Math.round(area.height))];
    const drawing = whole.getContext("2d");
    drawing.drawImage(image, 0, 0, whole.width, whole.height);
    const [r, g, b, a] = drawing.getImageData(Math.floor(x - area.left), Math.floor(y - area.top), 1, 1).data;
    return [r, g, b, a / 255];
  };
  // What an SVG draws behind a text: the last shape before it that contains its middle.
  const shape = (element, box) => {
    const svg = element.ownerSVGElement;
    if (!svg) return null;
    const point = middle(box);
    let found = null;
    for (const drawn of svg.querySelectorAll("rect, path, circle, image")) {
      if (drawn.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_PRECEDING) break;
      if (drawn.localName === "image") {
        if (within(point, drawn.getBoundingClientRect())) found = pixel(drawn, point);
        continue;
      }
      const { fill, fillOpacity } = getComputedStyle(drawn);
      if (fill === "none" || fill.startsWith("url")) continue;
      const [r, g, b, a] = colour(fill);
      if (a * fillOpacity === 0) continue;
      const area = drawn.getBoundingClientRect();
      if (drawn.localName === "path" && area.height < 2) continue;
      if (!within(point, area)) continue;
      found = [r, g, b, a * fillOpacity * opacity(drawn)];
    }
    return found;
  };
  const poor = [];
  const look = (root) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
    for (let node = walker.currentNode; node; node = walker.nextNode()) {
      if (node.shadowRoot) look(node.shadowRoot);
      if (node.nodeType !== Node.TEXT_NODE || !node.textContent.trim()) continue;
      const element = node.parentElement;
      if (!element || element.closest("style, script, title, desc, noscript, option, [disabled], [aria-disabled=true], .katex-mathml")) continue;
      if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const box = range.getBoundingClientRect();
      if (box.width < 2 || box.height < 2) continue;
      const style = getComputedStyle(element);
      const drawn = element instanceof SVGElement;
      const [r, g, b, a] = colour(drawn ? style.fill : style.color);
      let ground = behind(element, middle(box));
      const under = drawn && shape(element, box);
      if (under) ground = over(under, ground);
      const ink = over([r, g, b, a * opacity(element) * (drawn ? Number(style.fillOpacity) : 1)], ground);
      const [light, dark] = [luminance(ink), luminance(ground)].sort((one, other) => other - one);
      const contrast = (light + 0.05) / (dark + 0.05);
      const size = parseFloat(style.fontSize);
      const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
      // Icons are drawn as letters of a font; as graphics they need 3.
      const icon = style.fontFamily.includes("Material");
      if (contrast < (icon ? 3 : needed) - 0.005)
        poor.push({ text: node.textContent.trim().slice(0, 60), contrast: Math.round(contrast * 100) / 100, ink: ink.map(Math.round).slice(0, 3).join(), ground: ground.map(Math.round).slice(0, 3).join(), of: element.closest("[data-testid]")?.dataset.testid || element.getAttribute("class") || element.localName });
    }
  };
  look(document.body);
  return poor;
};
