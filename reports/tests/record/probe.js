// Measures the page in a frame as it is shown, and leaves what it found in the page around it.
const shown = element => element.getClientRects().length > 0;
const found = { width: innerWidth, overflow: document.documentElement.scrollWidth - innerWidth, faults: [] };
found.ground = getComputedStyle(document.body).backgroundColor;
const charts = [...document.querySelectorAll("svg")].filter(shown);
found.charts = charts.length;
for (const chart of charts) {
  const title = chart.querySelector("title").textContent;
  const frame = chart.getBoundingClientRect();
  const scale = frame.width / chart.viewBox.baseVal.width;
  const texts = [...chart.querySelectorAll("text")].map(text => [text.textContent.trim(), text.getBoundingClientRect(), text]);
  texts.forEach(([words, box, text], index) => {
    const size = parseFloat(getComputedStyle(text).fontSize) * scale;
    if (size < 11) found.faults.push(`${title}: "${words}" is ${size.toFixed(1)} pixels high`);
    if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
      found.faults.push(`${title}: "${words}" is cut`);
    for (const [others, other] of texts.slice(index + 1))
      // The box of a text is higher than its letters.
      if (box.left < other.right && other.left < box.right && box.top + 3 < other.bottom - 3 && other.top + 3 < box.bottom - 3)
        found.faults.push(`${title}: "${words}" lies on "${others}"`);
  });
}
const result = document.createElement("pre");
result.className = "probe";
result.textContent = JSON.stringify(found);
top.document.body.append(result);
