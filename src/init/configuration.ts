/** A plan as text: the structure of the guide on WebSocket proxying, with the reasons beside the lines. */
import { printWord } from "../config/printer.ts"
import { parseMilliseconds } from "../config/values.ts"
import { type Backend, type Group, groupsOf, type Listen, type Plan, type SocketLocation } from "./plan.ts"

const INDENT = "    "
const CIPHERS =
  "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:!aNULL:!MD5"
const STATUS_PATH = "/nginx_status"
const HTTP_PORT = 80
const HTTPS_PORT = 443
const HOUR_MS = 3_600_000

/** Writes the configuration. Where the plan is an include, what stands in an http block. */
export function configurationOf(plan: Plan): string {
  const head = [
    `# WebSockets (${plan.sockets.length === 1 ? "one path" : `${plan.sockets.length} paths`}) of ${plan.names.join(", ")}, for Holdfast and nginx.`,
    "# Made by holdfast init, to be changed as you like: holdfast check says what a change breaks.",
    "",
  ]
  const lines = plan.isInclude ? [...head, ...httpBlocks(plan)] : [...head, ...mainLines(plan)]
  return `${lines.join("\n")}\n`
}

/** One argument, quoted where it has to be. */
function word(text: string): string {
  return printWord({ text, quoted: false, position: { file: "", line: 0, column: 0 } })
}

/** One level deeper. */
function indented(lines: readonly string[]): string[] {
  return lines.map((line) => (line === "" ? "" : INDENT + line))
}

function block(head: string, lines: readonly string[]): string[] {
  return [`${head} {`, ...indented(lines), "}"]
}

/** Blocks with an empty line between them. */
function spaced(blocks: readonly (readonly string[])[]): string[] {
  return blocks
    .filter((lines) => lines.length > 0)
    .flatMap((lines, at) => (at === 0 ? lines : ["", ...lines]))
}

function mainLines(plan: Plan): string[] {
  const { logs, pid } = plan
  const own = [
    "worker_processes auto;",
    "# A WebSocket has two open files, one to the client and one to the backend, for as long as it lives.",
    "worker_rlimit_nofile 65536;",
    ...shutdownLines(plan),
    `error_log ${logs === null ? "stderr" : word(`${logs}/error.log`)} warn;`,
    ...(pid === null ? [] : [`pid ${word(pid)};`]),
  ]
  const accessLog = logs === null ? "access_log off;" : `access_log ${word(`${logs}/access.log`)};`
  const http = spaced([[accessLog], httpBlocks(plan)])
  return spaced([own, block("events", ["worker_connections 16384;"]), block("http", http)])
}

/** Old workers of nginx stay for their WebSockets; a reload of Holdfast leaves none behind. */
function shutdownLines({ target, timeout }: Plan): string[] {
  if (target.isHoldfast) return []
  const time = (parseMilliseconds(timeout) ?? 0) > HOUR_MS ? timeout : "1h"
  return [
    "# After a reload old workers keep their WebSockets, for this long and no longer.",
    `worker_shutdown_timeout ${time};`,
  ]
}

function httpBlocks(plan: Plan): string[] {
  return spaced([
    [...hashLines(plan), ...resolverLines(plan)],
    mapBlock(plan),
    ...groupsOf(plan).map((group) => upstreamBlock(group, plan)),
    redirectBlock(plan),
    serverBlock(plan),
  ])
}

const DEFAULT_BUCKET_BYTES = 64

/** A long name does not fit into what nginx has for one. ngx_hash_init, NGX_HASH_ELT_SIZE. */
function hashLines({ names }: Plan): string[] {
  const longest = Math.max(...names.map((name) => name.length))
  // Pointers before and behind, and two bytes for the length; all in words of eight.
  const needed = 16 + Math.ceil((longest + 2) / 8) * 8
  if (needed <= DEFAULT_BUCKET_BYTES) return []
  return [`server_names_hash_bucket_size ${2 ** Math.ceil(Math.log2(needed))};`]
}

function resolverLines(plan: Plan): string[] {
  const hasNames = groupsOf(plan).some(({ backends }) => backends.some((one) => isResolved(one, plan)))
  if (!hasNames || plan.resolver === null) return []
  return [
    "# Asked for the names of backends again and again (resolve): they may get other addresses.",
    `resolver ${plan.resolver} valid=10s;`,
  ]
}

/** Whether the name is looked up at run time. localhost stays what it is. */
function isResolved({ hostName }: Backend, { resolver }: Plan): boolean {
  return resolver !== null && hostName !== "" && hostName !== "localhost"
}

/** For the location that serves pages and WebSockets alike. */
function mapBlock({ sockets }: Plan): string[] {
  if (!sockets.some(({ path }) => path === "/")) return []
  return [
    "# Connection: upgrade for handshakes; nothing for plain requests, whose connections are kept.",
    ...block("map $http_upgrade $connection_upgrade", ["default upgrade;", "'' '';"]),
  ]
}

function upstreamBlock(group: Group, plan: Plan): string[] {
  const { name, backends } = group
  const isApplication = group === plan.application
  const hasResolved = backends.some((one) => isResolved(one, plan))
  const body = [
    ...(hasResolved ? [`zone ${name} 64k;`] : []),
    ...(isApplication || plan.sticky === "none"
      ? []
      : ["# A client that reconnects comes back to the server that knows it.", "ip_hash;"]),
    ...backends.map((one) => `server ${word(one.address)}${isResolved(one, plan) ? " resolve" : ""};`),
    `keepalive ${isApplication ? 32 : 64};`,
  ]
  const isShared = !isApplication && plan.sticky === "none" && backends.length > 1
  const reason = isShared
    ? ["# holdfast-disable-next-line upstream-without-stickiness -- the servers share their sessions"]
    : []
  return [...reason, ...block(`upstream ${name}`, body)]
}

function listenLines(listens: readonly Listen[], parameter: string): string[] {
  return listens.map(({ text }) => `listen ${text}${parameter};`)
}

function serverName({ names }: Plan): string {
  return `server_name ${names.join(" ")};`
}

function redirectBlock(plan: Plan): string[] {
  const [secure] = plan.listens
  if (plan.redirects.length === 0 || secure === undefined) return []
  const port = secure.port === HTTPS_PORT ? "" : `:${secure.port}`
  const answer = `return 301 https://$host${port}$request_uri;`
  const webroot = plan.acmeWebroot
  const body =
    webroot === null
      ? [answer]
      : [
          "",
          ...spaced([
            block("location ^~ /.well-known/acme-challenge/", [`root ${word(webroot)};`]),
            block("location /", [answer]),
          ]),
        ]
  return [
    "# For pages. WebSocket clients follow no redirect: they are to open wss:// at once.",
    ...block("server", [...listenLines(plan.redirects, ""), serverName(plan), ...body]),
  ]
}

function serverBlock(plan: Plan): string[] {
  const isSecure = plan.keyPair !== null
  const head = [...listenLines(plan.listens, isSecure ? " ssl" : ""), serverName(plan)]
  return block(
    "server",
    spaced([
      head,
      tlsLines(plan),
      hstsLines(plan),
      logLines(plan),
      rootLocation(plan),
      ...plan.sockets.map((socket) => socketLocation(socket, plan)),
      statusLocation(plan),
    ]),
  )
}

function tlsLines({ keyPair }: Plan): string[] {
  if (keyPair === null) return []
  return [
    `ssl_certificate ${word(keyPair.certificate)};`,
    `ssl_certificate_key ${word(keyPair.key)};`,
    "ssl_protocols TLSv1.2 TLSv1.3;",
    `ssl_ciphers ${CIPHERS};`,
    "ssl_prefer_server_ciphers on;",
    "ssl_session_cache shared:SSL:10m;",
    "ssl_session_timeout 10m;",
  ]
}

function hstsLines({ hasHsts }: Plan): string[] {
  if (!hasHsts) return []
  return [
    "# Browsers that saw this use https and wss alone, for a year.",
    'add_header Strict-Transport-Security "max-age=31536000; includeSubDomains" always;',
  ]
}

function logLines({ logs, names }: Plan): string[] {
  if (logs === null) return []
  const name = (names[0] ?? "").replace(/^\*?\./, "").replaceAll(/[^a-z0-9._-]/g, "_")
  return [
    `access_log ${word(`${logs}/${name}_access.log`)};`,
    `error_log ${word(`${logs}/${name}_error.log`)} warn;`,
  ]
}

/** What is no WebSocket. */
function rootLocation(plan: Plan): string[] {
  const { application } = plan
  if (plan.sockets.some(({ path }) => path === "/")) return []
  if (application === null)
    return ["# There is nothing but WebSockets here.", ...block("location /", ["return 404;"])]
  return [
    "# Pages and everything else",
    ...block("location /", [
      ...passLines(application),
      "# Both, so that connections to the application are kept (nginx before 1.29.7 closes them).",
      "proxy_http_version 1.1;",
      'proxy_set_header Connection "";',
      ...forwardedLines(plan),
    ]),
  ]
}

function socketLocation({ path, group }: SocketLocation, plan: Plan): string[] {
  const isAll = path === "/"
  return [
    isAll ? "# WebSockets and pages" : "# WebSockets",
    ...block(`location ${word(path)}`, [
      ...passLines(group),
      "# The handshake: HTTP/1.1, and two fields that no proxy forwards by itself.",
      "proxy_http_version 1.1;",
      "proxy_set_header Upgrade $http_upgrade;",
      `proxy_set_header Connection ${isAll ? "$connection_upgrade" : '"upgrade"'};`,
      "# All fields stand here: a block with a proxy_set_header inherits none.",
      ...forwardedLines(plan),
      "# How long a WebSocket may be silent. The default, 60 seconds, cuts it.",
      `proxy_read_timeout ${plan.timeout};`,
      `proxy_send_timeout ${plan.timeout};`,
      "proxy_connect_timeout 10s;",
      "proxy_buffering off;",
      "proxy_cache off;",
    ]),
  ]
}

function passLines({ name, tls }: Group): string[] {
  if (tls === null) return [`proxy_pass http://${name};`]
  return [
    `proxy_pass https://${name};`,
    "# Without these four lines any certificate would do.",
    "proxy_ssl_verify on;",
    `proxy_ssl_trusted_certificate ${word(tls.authorityFile)};`,
    `proxy_ssl_name ${tls.name};`,
    "proxy_ssl_server_name on;",
  ]
}

/** Applications compare Origin with Host: where its port is not the scheme's own, Host must have it, too. */
function forwardedLines({ listens, keyPair }: Plan): string[] {
  const own = keyPair === null ? HTTP_PORT : HTTPS_PORT
  const host = listens.every(({ port }) => port === own) ? "$host" : "$http_host"
  return [
    `proxy_set_header Host ${host};`,
    "proxy_set_header X-Real-IP $remote_addr;",
    "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
    "proxy_set_header X-Forwarded-Proto $scheme;",
  ]
}

function statusLocation({ hasStatusPage }: Plan): string[] {
  if (!hasStatusPage) return []
  return [
    "# Open connections, WebSockets included, for this machine alone",
    ...block(`location = ${STATUS_PATH}`, ["stub_status;", "allow 127.0.0.1;", "allow ::1;", "deny all;"]),
  ]
}
