// An element with a class and a text; words enter the page as text only. Everything that builds elements comes after this file.
function make(tag, name = "", text = "") {
  const element = document.createElement(tag)
  if (name) element.className = name
  if (text) element.textContent = text
  return element
}
