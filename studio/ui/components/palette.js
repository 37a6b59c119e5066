// Colours to search for: those that have names, and any other. What is pressed is sent by its name or as #rrggbb.
export default function ({ data, parentElement, setTriggerValue }) {
  let row = parentElement.querySelector(".palette")
  if (!row) {
    row = make("div", "palette")
    row.setAttribute("role", "group")
    row.setAttribute("aria-label", "Colours to search for")
    parentElement.append(row)
  }
  const swatches = data.colours.map(([name, value]) => {
    const button = make("button")
    button.type = "button"
    button.style.background = value
    button.title = name
    button.setAttribute("aria-label", name)
    button.setAttribute("aria-pressed", data.chosen.includes(name) ? "true" : "false")
    button.onclick = () => setTriggerValue("colour", name)
    return button
  })
  const any = make("label")
  any.title = "Any other colour"
  const input = make("input")
  input.type = "color"
  input.value = data.chosen.find((one) => one.startsWith("#")) || "#aa3322"
  input.setAttribute("aria-label", "Any other colour")
  input.onchange = () => setTriggerValue("colour", input.value)
  any.append(input)
  row.replaceChildren(...swatches, any)
}
