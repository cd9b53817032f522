/** The first `maxLength` characters, and how many were left out. */
export function cutText(text: string, maxLength: number): { readonly text: string; readonly rest: number } {
  if (text.length <= maxLength) return { text, rest: 0 }
  const isHalf = /[\ud800-\udbff]/.test(text.charAt(maxLength - 1))
  const length = isHalf ? maxLength - 1 : maxLength
  return { text: text.slice(0, length), rest: text.length - length }
}
