// Looking for secrets: each in every form in which it might have been written down.

const hex = (bytes) => bytes.toString('hex')
const escapeBytes = (bytes) => hex(bytes).replace(/../g, '\\u00$&')

// Base64 of something that has BYTES in its middle: what surely stands there, at each of the three places within four letters.
function base64Within(bytes) {
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
    const first = before === 0 ? 0 : 4
    return text.slice(first, Math.floor((before + bytes.length) / 3) * 4)
  })
}

// TEXT as it is, and as it stands in an URL (once or twice), in JSON, in UTF-16, in hexadecimal digits, and in base64.
function textForms(name, text) {
  const bytes = Buffer.from(text)
  const url = encodeURIComponent(text)
  return {
    [name]: text,
    [`${name}, in an URL`]: url,
    [`${name}, in an URL, small letters`]: url.replace(/%../g, (code) => code.toLowerCase()),
    [`${name}, in an URL, twice`]: encodeURIComponent(url),
    [`${name}, in JSON`]: JSON.stringify(text).slice(1, -1).replaceAll('/', '\\/'),
    [`${name}, in JSON, by code`]: JSON.stringify(text)
      .slice(1, -1)
      .replace(/[+/=]/g, (c) => `\\u00${hex(Buffer.from(c))}`),
    [`${name}, UTF-16`]: Buffer.from(text, 'utf16le'),
    [`${name}, hex`]: hex(bytes),
    [`${name}, HEX`]: hex(bytes).toUpperCase(),
    ...Object.fromEntries(
      base64Within(bytes).map((form, i) => [`${name}, in base64 at ${i}`, form]),
    ),
  }
}

// Of a secret of bytes, told as base64: forms by name.
export function keyForms(base64) {
  const bytes = Buffer.from(base64, 'base64')
  return {
    bytes,
    hex: hex(bytes),
    HEX: hex(bytes).toUpperCase(),
    'hex with colons': hex(bytes).replace(/..(?=.)/g, '$&:'),
    'in JSON, by code': escapeBytes(bytes),
    base64url: bytes.toString('base64url'),
    ...Object.fromEntries(base64Within(bytes).map((form, i) => [`within base64 at ${i}`, form])),
    ...textForms('base64', base64),
  }
}

export const passwordForms = (text) => textForms('text', text)

const PIECE = 16 // what is cut off in the middle is found all the same

// The secrets of TABLE (name to forms) as what is looked for: both ends of each form.
export function needlesOf(table) {
  const needles = []
  for (const [secret, forms] of Object.entries(table))
    for (const [form, value] of Object.entries(forms)) {
      const bytes = Buffer.from(value)
      const ends =
        bytes.length <= PIECE ? [bytes] : [bytes.subarray(0, PIECE), bytes.subarray(-PIECE)]
      for (const piece of ends) needles.push({ secret, form, piece })
    }
  return needles
}

// [{secret, form, at}] of what HAYSTACK holds; the first place of each piece.
export function find(needles, haystack) {
  const bytes = Buffer.isBuffer(haystack) ? haystack : Buffer.from(haystack)
  return needles
    .map(({ secret, form, piece }) => ({ secret, form, at: bytes.indexOf(piece) }))
    .filter(({ at }) => at >= 0)
}
