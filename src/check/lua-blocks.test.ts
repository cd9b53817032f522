import assert from "node:assert/strict"
import { test } from "node:test"
import { parse } from "../config/parser.ts"
import { withoutLua } from "./lua-blocks.ts"

function names(text: string): string[] {
  const block = parse("x", withoutLua(text))
  assert.equal(block.failure, null, block.failure?.message)
  return block.directives.map(({ name, position }) => `${name}:${position.line}`)
}

test("Lua's quotes, comments and braces say nothing to the configuration around it", () => {
  const text = `init_by_lua_block {
  collectgarbage("collect")  -- it's a note }
  --[==[ } ]] ]==]
  local t = { a = "}", b = '\\'}', c = [[ } ]] }
  error("require failed: " .. tostring(t))
}
user www-data;`
  assert.deepEqual(names(text), ["init_by_lua_block:1", "user:7"])
})

test("several in one file, and one that is a comment", () => {
  const text = "a_by_lua_block { x = 'y;' } user a; # b_by_lua_block {\npid p; c_by_lua_block { }"
  assert.deepEqual(names(text), ["a_by_lua_block:1", "user:1", "pid:2", "c_by_lua_block:2"])
})

test("a text without Lua is the same text, and one without an end has none", () => {
  const text = "user a;"
  assert.equal(withoutLua(text), text)
  assert.match(parse("x", withoutLua("a_by_lua_block { {}")).directives[0]?.name ?? "", /a_by_lua_block/)
})
