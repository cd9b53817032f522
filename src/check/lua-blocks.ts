/**
 * `content_by_lua_block { … }` and its kin of OpenResty: what stands between the braces is Lua, which has other quotes
 * and comments. It is blanked out, with its lines kept, so that the configuration around it can be read.
 */

const BLOCK = /\b\w+_by_lua_block\s*\{/g

/** `text` with the insides of its Lua blocks as blanks. As lua-nginx-module finds their ends: by counting braces. */
export function withoutLua(text: string): string {
  if (!text.includes("_by_lua_block")) return text
  let result = ""
  let done = 0
  for (const found of text.matchAll(BLOCK)) {
    const start = found.index + found[0].length
    if (found.index < done || isComment(text, found.index)) continue
    const end = endOfBlock(text, start)
    result += text.slice(done, start) + text.slice(start, end).replaceAll(/[^\r\n]/g, " ")
    done = end
  }
  return result + text.slice(done)
}

function isComment(text: string, index: number): boolean {
  return text.slice(text.lastIndexOf("\n", index) + 1, index).includes("#")
}

/** A word of Lua in which a brace is none: a comment, a string, a long bracket; or a brace. */
const TOKEN =
  /--\[(=*)\[[\s\S]*?\]\1\]|--[^\n]*|\[(=*)\[[\s\S]*?\]\2\]|"(?:\\[\s\S]|[^"\\\n])*"|'(?:\\[\s\S]|[^'\\\n])*'|[{}]/g

/** The index of the `}` that ends the block which begins at `start`; the text's end where there is none. */
function endOfBlock(text: string, start: number): number {
  const token = new RegExp(TOKEN)
  token.lastIndex = start
  let depth = 1
  for (let found = token.exec(text); found !== null; found = token.exec(text)) {
    if (found[0] === "{") depth++
    else if (found[0] === "}" && --depth === 0) return found.index
  }
  return text.length
}
