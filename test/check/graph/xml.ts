/** A strict reader of the XML that pictures are made of: elements, attributes in double quotes, text, references. */

export interface Element {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly (Element | string)[]
}

/** Throws where `text` is not well-formed (or has more than the above: comments, CDATA, a doctype). */
export function parseXml(text: string): Element {
  const reader = new Reader(text)
  const element = reader.element()
  if (text.slice(reader.at).trim() !== "") throw new Error(`more than one root: ${text.slice(reader.at, 60)}`)
  return element
}

/** All elements of that name within `element`. */
export function elementsOf(element: Element, name: string): Element[] {
  const inner = element.children.flatMap((child) =>
    typeof child === "string" ? [] : elementsOf(child, name),
  )
  return element.name === name ? [element, ...inner] : inner
}

export function textOf(element: Element): string {
  return element.children.map((child) => (typeof child === "string" ? child : textOf(child))).join("")
}

const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" }

class Reader {
  readonly #text: string
  at = 0

  constructor(text: string) {
    if (!text.isWellFormed()) throw new Error("a lone surrogate")
    // XML 1.0 §2.2 Char, without the controls of C1, which it discourages.
    const bad = /[^\t\n\r\x20-\x7e\xa0-\ufffd\u{10000}-\u{10ffff}]/u.exec(text)
    if (bad !== null) throw new Error(`no character of XML: U+${bad[0].codePointAt(0)?.toString(16)}`)
    this.#text = text
  }

  #take(pattern: RegExp, what: string): RegExpExecArray {
    const sticky = new RegExp(pattern.source, "y")
    sticky.lastIndex = this.at
    const found = sticky.exec(this.#text)
    if (found === null) throw new Error(`${what} expected at ${this.#text.slice(this.at, this.at + 60)}`)
    this.at = sticky.lastIndex
    return found
  }

  element(): Element {
    const name = this.#take(/<([A-Za-z][\w:-]*)/, "an element")[1] as string
    const attributes: Record<string, string> = {}
    for (;;) {
      const found = this.#take(/\s*(\/?>)|\s+([A-Za-z][\w:-]*)="([^"<]*)"/, "an attribute")
      if (found[1] === "/>") return { name, attributes, children: [] }
      if (found[1] === ">") return { name, attributes, children: this.#children(name) }
      const key = found[2] as string
      if (key in attributes) throw new Error(`attribute ${key} twice`)
      attributes[key] = resolve(found[3] as string)
    }
  }

  #children(name: string): (Element | string)[] {
    const children: (Element | string)[] = []
    for (;;) {
      const text = this.#take(/[^<]*/, "text")[0]
      if (text !== "") children.push(resolve(text))
      if (!this.#text.startsWith("</", this.at)) {
        children.push(this.element())
        continue
      }
      const end = this.#take(/<\/([\w:-]+)>/, "an end tag")[1]
      if (end !== name) throw new Error(`<${name}> is ended by </${end}>`)
      return children
    }
  }
}

function resolve(text: string): string {
  if (text.includes("]]>")) throw new Error("]]> in text")
  return text.replaceAll(/&(#\d+|\w+)?(;?)/g, (whole, name: string | undefined, end: string) => {
    const sign = name?.startsWith("#") ? String.fromCodePoint(Number(name.slice(1))) : NAMED[name ?? ""]
    if (sign === undefined || end === "") throw new Error(`a reference that is none: ${whole}`)
    return sign
  })
}
