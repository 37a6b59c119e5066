// What every component builds its page from: elements, symbols, buttons. Words enter the page as text only; this file comes first.
function make(tag, name = "", text = "") {
  const element = document.createElement(tag)
  if (name) element.className = name
  if (text) element.textContent = text
  return element
}

// A Material symbol; nobody hears its name read aloud.
function glyph(name) {
  const symbol = make("span", "symbol", name)
  symbol.setAttribute("aria-hidden", "true")
  return symbol
}

// A button of this class that says its label to whoever points at it or cannot see it.
function pressable(name, label, does, ...inside) {
  const button = make("button", name)
  button.type = "button"
  button.title = label
  button.setAttribute("aria-label", label)
  button.append(...inside)
  button.addEventListener("click", does)
  return button
}

const counted = (count, word = "picture") => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`

const standing = new WeakMap()

// What a component built in this element when its script first ran; later runs find it again.
function once(root, build) {
  if (!standing.has(root)) standing.set(root, build(root))
  return standing.get(root)
}
