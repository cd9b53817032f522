/** `text` in lines of at most `width` characters, broken at blanks; a longer word is broken where the line ends. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line)
      line = ""
    }
    line = line === "" ? word : `${line} ${word}`
    while (line.length > width) {
      lines.push(line.slice(0, width))
      line = line.slice(width)
    }
  }
  lines.push(line)
  return lines
}

/** `text` behind `first`, with all further lines indented, by the length of `first` where nothing else is said. */
export function hanging(first: string, text: string, width: number, indent: number = first.length): string[] {
  const [head = "", ...rest] = wrap(text, width - first.length)
  const more = rest.length === 0 ? [] : wrap(rest.join(" "), width - indent)
  return [first + head, ...more.map((line) => " ".repeat(indent) + line)]
}
