// The picture in the making. A new draft is loaded out of sight and then faded in, so that nothing flickers.
export default function ({ data, parentElement }) {
  let frame = parentElement.querySelector(".frame")
  if (!frame) {
    frame = document.createElement("div")
    frame.className = "frame"
    const canvas = document.createElement("div")
    canvas.className = "canvas"
    const bar = document.createElement("div")
    bar.className = "bar"
    bar.setAttribute("role", "progressbar")
    bar.setAttribute("aria-label", "Progress")
    bar.setAttribute("aria-valuemin", "0")
    bar.setAttribute("aria-valuemax", "100")
    bar.append(document.createElement("i"))
    const words = document.createElement("p")
    words.className = "words"
    words.setAttribute("role", "status")
    frame.append(canvas, bar, words)
    parentElement.append(frame)
  }
  const [canvas, bar, words] = frame.children
  frame.style.setProperty("--w", data.width)
  frame.style.setProperty("--h", data.height)
  frame.classList.toggle("waiting", data.waiting)
  const percent = Math.round(data.share * 100)
  bar.setAttribute("aria-valuenow", String(percent))
  bar.firstChild.style.width = `${percent}%`
  if (words.textContent !== data.words) words.textContent = data.words
  if (data.src && canvas.dataset.src !== data.src) {
    canvas.dataset.src = data.src
    const image = new Image()
    image.alt = data.alt
    image.onload = () => {
      if (canvas.dataset.src !== data.src) return
      canvas.append(image)
      requestAnimationFrame(() => image.classList.add("here"))
      while (canvas.children.length > 2) canvas.firstChild.remove()
    }
    image.src = data.src
  }
}
