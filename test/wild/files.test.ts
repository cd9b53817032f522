/** Sites of files alone, and the configurations that packages bring. */
import assert from "node:assert/strict"
import { site } from "./site.ts"

site("static-site", { backends: {} }, async (web) => {
  const url = "http://static.example.com"
  const page = await web.get(`${url}/`)
  assert.deepEqual([page.body, page.header("accept-ranges")], ["<h1>Static</h1>\n", "bytes"])
  assert.equal(
    (await web.get(`${url}/`, { headers: { "If-Modified-Since": page.header("last-modified") } })).status,
    304,
  )
  const css = await web.get(`${url}/site.css`)
  assert.equal(css.header("cache-control"), "max-age=2592000, public")
  const lost = await web.get(`${url}/nothing`)
  assert.deepEqual([lost.status, lost.body], [404, "<h1>Lost</h1>\n"])
  const film = await web.get(`${url}/film.mp4`, { headers: { Range: "bytes=-5" } })
  assert.deepEqual(
    [film.status, film.body, film.header("content-range")],
    [206, "56789", "bytes 9995-9999/10000"],
  )
  const parts = await web.get(`${url}/film.mp4`, { headers: { Range: "bytes=0-1,5-6" } })
  assert.match(parts.header("content-type"), /^multipart\/byteranges; boundary=/)
  assert.match(parts.body, /Content-Range: bytes 5-6\/10000\r\n\r\n56\r\n/)
  const tooMany = await web.get(`${url}/film.mp4`, { headers: { Range: "bytes=0-1,3-4,6-7,9-10" } })
  assert.equal(tooMany.status, 200)
  assert.equal((await web.get(`${url}/film.mp4`, { headers: { Range: "bytes=20000-" } })).status, 416)
  const list = await web.get(`${url}/files/`)
  assert.match(
    list.body,
    /<a href="\.\.\/">\.\.\/<\/a>\r?\n<a href="sub\/">sub\/<\/a>[^\n]*\n<a href="one\.txt">one\.txt<\/a>/,
  )
  const folder = await web.get(`${url}/files/sub`)
  assert.deepEqual([folder.status, web.asWritten(folder.header("location"))], [301, `${url}/files/sub/`])
  assert.equal((await web.get(`${url}/.env`)).status, 403)
  assert.equal((await web.get(`${url}/favicon.ico`)).status, 204)
  assert.equal((await web.get(`${url}/`, { method: "POST", body: "" })).status, 405)
  const image = (referer?: string) =>
    web.get(`${url}/images/a.txt`, { headers: referer === undefined ? {} : { Referer: referer } })
  assert.deepEqual([(await image()).status, (await image()).header("cache-control")], [200, "no-cache"])
  assert.equal((await image("https://thief.example.org/page")).status, 403)
  assert.equal((await image("https://www.google.com/search")).status, 200)
  assert.equal((await image(`${url}/gallery`)).status, 200)
})

site("debian-default", { backends: {} }, async (web) => {
  assert.match((await web.get("http://anything.example/")).body, /Welcome to nginx!/)
  assert.match((await web.get("http://anything.example/docs/")).body, /Docs/)
  const folder = await web.get("http://anything.example/docs?x=1")
  assert.deepEqual(
    [folder.status, web.asWritten(folder.header("location"))],
    [301, "http://anything.example/docs/?x=1"],
  )
  assert.equal((await web.get("http://anything.example/none")).status, 404)
})

site("docker-image-default", { backends: { "127.0.0.1:3000": "app" } }, async (web) => {
  assert.match((await web.get("http://localhost/")).body, /Welcome to nginx!/)
  assert.equal((await web.get("http://localhost/app/x?y=1")).seen.url, "/x?y=1")
  assert.equal((await web.get("http://localhost/", { method: "HEAD" })).body, "")
})
