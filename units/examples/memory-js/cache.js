// Pictures of 256 KiB; here they are made, elsewhere they would be loaded.
/** @type {Map<number, Uint8Array>} */
const pictures = new Map()

function picture(number) {
  const pixels = new Uint8Array(256 * 1024)
  for (let i = 0; i < pixels.length; i++) pixels[i] = (i * number) & 255
  return pixels
}

module.exports = {
  size: () => pictures.size,

  fill(count) {
    for (let n = 1; n <= count; n++) if (!pictures.has(n)) pictures.set(n, picture(n))
  },

  halve() {
    for (const n of [...pictures.keys()].slice(pictures.size / 2)) pictures.delete(n)
  },

  clear() {
    pictures.clear()
  },
}
