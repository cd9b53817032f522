import assert from "node:assert/strict"
import { test } from "node:test"
import { findTeller, type Sight } from "./backend-names.ts"
import { spreadOf, wayOf } from "./spread.ts"

test("spreadOf", () => {
  assert.equal(spreadOf([..."aaaa"]), "one")
  assert.equal(spreadOf([..."abab"]), "in-turn")
  assert.equal(spreadOf([..."abcabca"]), "in-turn")
  assert.equal(spreadOf([..."aabaaabaaaba"]), "in-turn", "weight 3 and 1")
  assert.equal(spreadOf([..."abbaabba"]), "in-turn", "a longer turn")
  assert.equal(spreadOf([..."abbaba"]), "even")
  assert.equal(spreadOf([..."aaabaaaaaab"]), "uneven")
})

test("wayOf", () => {
  const back = (first: string, ...again: string[]) => ({ first, again })
  assert.equal(wayOf([..."aaa"], []), "address")
  assert.equal(wayOf([..."aaa"], [back("a", "a", "a")]), "address")
  assert.equal(wayOf([..."abab"], []), "none")
  assert.equal(wayOf([..."abab"], [back("a", "a", "a"), back("b", "b", "b")]), "cookie")
  assert.equal(wayOf([..."abab"], [back("a", "a", "b"), back("b", "a", "b")]), "none")
  assert.equal(wayOf([..."aaaa"], [back("a", "b", "b"), back("a", "a", "a")]), "cookie-hash")
  assert.equal(wayOf([..."abab"], [back("a", "b", "b"), back("b", "b", "b")]), "cookie-hash")
  assert.equal(wayOf([..."aaaa"], [back("a", "b", "a"), back("a", "b", "a")]), "none")
})

function sights(...all: readonly Partial<Record<string, string>>[]): Sight[] {
  return all.map(({ cookie, message = "", ...headers }) => ({
    headers: Object.entries(headers).map(([name, value]) => [name, value ?? ""] as const),
    cookies: new Map(cookie === undefined ? [] : [["sid", cookie]]),
    paths: new Map(),
    secure: [],
    message,
  }))
}

const tellerOf = (...all: readonly Partial<Record<string, string>>[]) => {
  const found = findTeller(sights(...all))
  return found === undefined ? undefined : `${found.by} ${found.name}: ${found.values.join(" ")}`
}

test("what tells backends apart", () => {
  const twice = <T>(...some: T[]): T[] => [...some, ...some]
  assert.equal(
    tellerOf(...twice({ "x-color": "red" }, { "x-color": "blue" })),
    "header x-color: red blue red blue",
  )
  const timing = twice({ "server-timing": "app;dur=1" }, { "server-timing": "app;dur=2" })
  assert.equal(tellerOf(...timing), undefined, "how long something took is no backend")
  assert.equal(tellerOf(...twice({ date: "1" }, { date: "2" })), undefined, "nor is a date")
  const nodes = twice({ "x-served-by": "cache-fra-1" }, { "x-served-by": "cache-fra-2" })
  assert.equal(tellerOf(...nodes), undefined, "nor is a node of a CDN")
  const ids = ["1", "2", "3", "4"].map((id) => ({ "x-session": id }))
  assert.equal(tellerOf(...ids), undefined, "nor is what is another each time")
  assert.equal(tellerOf(...twice({ cookie: "s1" }, { cookie: "s2" })), "cookie sid: s1 s2 s1 s2")
  const greetings = twice("a", "b").map((node, id) => ({ message: JSON.stringify({ id, node }) }))
  assert.equal(tellerOf(...greetings), "message node: a b a b")
  assert.equal(tellerOf({ "x-backend": "a" }, { "x-backend": "a" }), "header x-backend: a a")
  assert.equal(tellerOf({ server: "nginx" }, { server: "nginx" }), undefined, "one name that everybody has")
  assert.equal(tellerOf({ "x-backend": "a" }, {}), undefined, "not on each")
})
