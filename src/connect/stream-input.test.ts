import assert from "node:assert/strict"
import { Readable } from "node:stream"
import { describe, test } from "node:test"
import type { Action } from "./actions.ts"
import { lineActions } from "./stream-input.ts"

const OPTIONS = { isBinary: false, hasCommands: false, maxMessageBytes: 100 }

async function linesOf(pieces: readonly Buffer[], options = OPTIONS): Promise<string[]> {
  const lines: string[] = []
  for await (const action of lineActions(Readable.from(pieces), options)) lines.push(textOf(action))
  return lines
}

function textOf(action: Action): string {
  return action.kind === "message" ? action.data.toString("utf8") : action.kind
}

describe("lines of a stream", () => {
  test("wherever its pieces end", async () => {
    const whole = Buffer.from("one\r\n\ntwö\r\rx\n\r\nlast")
    const expected = ["one", "", "twö\r\rx", "", "last"]
    for (let first = 0; first <= whole.length; first++)
      for (let second = first; second <= whole.length; second++) {
        const pieces = [whole.subarray(0, first), whole.subarray(first, second), whole.subarray(second)]
        assert.deepEqual(await linesOf(pieces.filter(({ length }) => length > 0)), expected)
      }
  })

  test("a line has a limit, whether or not its end has come", async () => {
    const long = Buffer.from("x".repeat(101))
    const message = /^line 2 of the input is longer than --max-message allows$/
    await assert.rejects(linesOf([Buffer.from("a\n"), long]), { message })
    await assert.rejects(linesOf([Buffer.concat([Buffer.from("a\n"), long, Buffer.from("\n")])]), { message })
    assert.deepEqual(await linesOf([long.subarray(1), Buffer.from("\n")]), ["x".repeat(100)])
  })
})
