/** http2_… and `listen … http2`: what is said to a configuration that is wrong, or old. */
import assert from "node:assert/strict"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, it } from "node:test"
import { runHoldfast } from "../support/holdfast.ts"
import { makeTempFolder } from "../support/temp.ts"

/** What `-t` says of `http` as the inside of the http block. */
async function check(http: string): Promise<{ status: number | null; text: string }> {
  const prefix = makeTempFolder("http2")
  const file = join(prefix, "c.conf")
  writeFileSync(
    file,
    `pid ${prefix}/p; error_log ${prefix}/e.log; events { } http { access_log off; ${http} }`,
  )
  const { status, stderr } = await runHoldfast(["-t", "-c", file, "-p", prefix])
  return { status, text: stderr.replaceAll(file, "FILE") }
}

describe("directives of HTTP/2", () => {
  for (const [http, warning] of [
    [
      "http2_recv_timeout 1s;",
      'the "http2_recv_timeout" directive is obsolete, use the "client_header_timeout" directive instead',
    ],
    [
      "http2_idle_timeout 1s;",
      'the "http2_idle_timeout" directive is obsolete, use the "keepalive_timeout" directive instead',
    ],
    [
      "http2_max_requests 1;",
      'the "http2_max_requests" directive is obsolete, use the "keepalive_requests" directive instead',
    ],
    [
      "http2_max_field_size 1k;",
      'the "http2_max_field_size" directive is obsolete, use the "large_client_header_buffers" directive instead',
    ],
    [
      "http2_max_header_size 1k;",
      'the "http2_max_header_size" directive is obsolete, use the "large_client_header_buffers" directive instead',
    ],
    ["http2_max_concurrent_pushes 1;", 'the "http2_max_concurrent_pushes" directive is obsolete, ignored'],
    ["http2_push_preload on;", 'the "http2_push_preload" directive is obsolete, ignored'],
    [
      "server { location / { http2_push /a; http2_push /b; } }",
      'the "http2_push" directive is obsolete, ignored',
    ],
    [
      "server { listen 127.0.0.1:1 http2; }",
      'the "listen ... http2" directive is deprecated, use the "http2" directive instead',
    ],
  ] as const) {
    it(`warns: ${http}`, async () => {
      const { status, text } = await check(http)
      assert.equal(status, 0, text)
      assert.ok(text.includes(`[warn] ${warning} in FILE:1`), text)
    })
  }

  for (const [http, error] of [
    ["http2 maybe;", 'invalid value "maybe" in "http2" directive, it must be "on" or "off"'],
    ["http2 on off;", 'invalid number of arguments in "http2" directive'],
    ["server { location / { http2 on; } }", '"http2" directive is not allowed here'],
    ["http2_recv_buffer_size 16;", '"http2_recv_buffer_size" directive value is too small'],
    ["server { http2_recv_buffer_size 64k; }", '"http2_recv_buffer_size" directive is not allowed here'],
    ["http2_pool_size 100;", "the pool size must be no less than 112"],
    ["http2_pool_size 4097;", "the pool size must be a multiple of 16"],
    ["http2_body_preread_size 3000000k;", "the maximum body preread buffer size is 2147483647"],
    ["http2_streams_index_size 5;", '"http2_streams_index_size" directive must be a power of two'],
    ["http2_chunk_size 0;", "the http2 chunk size cannot be zero"],
    ["http2_max_concurrent_streams x;", '"http2_max_concurrent_streams" directive invalid number'],
    [
      "http2_extended_connect 1;",
      'invalid value "1" in "http2_extended_connect" directive, it must be "on" or "off"',
    ],
  ] as const) {
    it(`refuses: ${http}`, async () => {
      const { status, text } = await check(http)
      assert.equal(status, 1, text)
      assert.ok(text.includes(`[emerg] ${error}`), text)
    })
  }

  it("takes what is right without a word", async () => {
    const { status, text } = await check(
      `http2 on; http2_max_concurrent_streams 64; http2_body_preread_size 128k; http2_recv_buffer_size 128k;
       http2_pool_size 8k; http2_streams_index_size 64; http2_chunk_size 16k; http2_extended_connect off;
       server { listen 127.0.0.1:1; http2 off; location / { http2_chunk_size 4k; return 200; } }`,
    )
    assert.equal(status, 0, text)
    assert.doesNotMatch(text, /warn/)
  })
})
