import assert from "node:assert/strict"
import { test } from "node:test"
import { parseLocalAddress } from "./local-address.ts"

const CASES: readonly (readonly [text: string, address: string | undefined, port: number])[] = [
  ["127.0.0.1", "127.0.0.1", 0],
  ["127.0.0.1:80", "127.0.0.1", 80],
  ["::1", "::1", 0],
  ["[::1]:80", "::1", 80],
  ["[::1]", undefined, 0],
  ["[::1]:0", undefined, 0],
  ["127.0.0.1:0", undefined, 0],
  ["127.0.0.1:65536", undefined, 0],
  ["127.0.0.1:", undefined, 0],
  ["[127.0.0.1]:80", undefined, 0],
  ["localhost", undefined, 0],
  ["unix:/tmp/x", undefined, 0],
  ["", undefined, 0],
]

for (const [text, address, port] of CASES)
  test(`"${text}" ${address === undefined ? "is no address" : `is ${address} and port ${port}`}`, () => {
    const expected = address === undefined ? undefined : { name: text, address, port }
    assert.deepEqual(parseLocalAddress(text), expected)
  })
