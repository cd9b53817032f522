import assert from "node:assert/strict"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { it } from "node:test"
import { fileURLToPath } from "node:url"
import { issueCertificate } from "../support/certificates.ts"
import { run } from "../support/holdfast.ts"
import { makeTempFolder } from "../support/temp.ts"

const BUILDER = fileURLToPath(new URL("./build-generations.ts", import.meta.url))

it("generations that were replaced are freed, the one in force is not", async () => {
  const folder = makeTempFolder("generations")
  const { certificate, key } = await issueCertificate(["one.test"])
  mkdirSync(join(folder, "logs"))
  writeFileSync(join(folder, "one.crt"), certificate)
  writeFileSync(join(folder, "one.key"), key)
  const file = join(folder, "holdfast.conf")
  writeFileSync(
    file,
    `events {}
    http {
      upstream pool { ip_hash; zone pool 64k; server 127.0.0.1:1; server 127.0.0.1:2; keepalive 8; }
      map "$uri $bytes_sent" $mapped { default "$remote_addr"; "~^(/)(.*)" "$2"; }
      geo $mapped $located { 10.0.0.0/8 ten; }
      split_clients "$located$request_id" $drawn { 50% a; * b; }
      log_format own "$remote_addr $upstream_addr $mapped $located $drawn";
      access_log logs/a.log own;
      server {
        listen 127.0.0.1:443 ssl;
        server_name one.test ~^(?<name>.+)\\.two$;
        ssl_certificate one.crt;
        ssl_certificate_key one.key;
        ssl_session_cache shared:S:1m;
        add_header X-A $name always;
        location / { proxy_pass http://pool; proxy_set_header Host $host; allow 127.0.0.1; deny all; }
        location ~ ^/x { proxy_pass https://127.0.0.1:3; proxy_ssl_name $name; error_page 502 /y; }
        location = /status { stub_status; }
      }
    }`,
  )
  const { stdout, stderr } = await run(process.execPath, ["--expose-gc", BUILDER, file, `${folder}/`])
  assert.equal(stderr, "")
  assert.deepEqual(JSON.parse(stdout), [false, false, false, false, true])
})
