import assert from "node:assert/strict"
import { it } from "node:test"
import { unescapeRedirect } from "./unescape-redirect.ts"

it("decodes what is visible and above %", () => {
  const cases: [string, string][] = [
    ["/plain", "/plain"],
    ["/%41%7e%26", "/A~&"],
    ["/%20%25%7F%c3%22", "/%20%25%7F%c3%22"],
    ["/a?%41", "/a?%41"],
    ["/%41%3F%41", "/A?%41"],
    ["/%3f%41", "/?%41"],
    ["/%", "/"],
    ["/%zA", "/zA"],
    ["/%4", "/"],
    ["/%4z%41", "/A"],
    ["/%%41", "/%41"],
  ]
  for (const [url, decoded] of cases) assert.equal(unescapeRedirect(url), decoded, url)
})
