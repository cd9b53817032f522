/** What is wrong with what the step "addresses" saw, and with the way through a proxy. */
import type { DialError } from "../../client/dial-error.ts"
import { formatDuration } from "../../client/duration.ts"
import { hostPort } from "../../client/endpoint.ts"
import type { Case } from "../cause.ts"
import { connectFault, nameFault } from "../connect-text.ts"
import type { Diagnosis, Mend, Suspect } from "../report.ts"
import { type AddressesSeen, type AddressTried, isNoWay } from "../steps/addresses.ts"
import { edgeMends, suspect } from "./edge-mend.ts"
import { diagnoseProxy } from "./proxy.ts"

/** Every connection waits for it; caches hide that from some. Milliseconds. */
const SLOW_NAME_MS = 2000

export function diagnoseAddresses(one: Case): Diagnosis[] {
  const { addresses } = one.seen
  if (addresses === undefined) return diagnoseProxy(one)
  if (addresses.error !== undefined) return [diagnoseName(one, addresses.error)]
  const alive = addresses.tried.filter(({ error }) => error === undefined)
  const dead = addresses.tried.filter((tried) => tried.error !== undefined && !isNoWay(tried))
  if (alive.length === 0) return [diagnoseDead(one, addresses)]
  return [...(dead.length === 0 ? [] : [diagnoseSome(one, alive, dead)]), ...diagnoseSlowName(addresses)]
}

function diagnoseName({ context }: Case, error: DialError): Diagnosis {
  const { host, port, url } = context.endpoint
  const evidence = [`${error.message} (${error.code}) after ${formatDuration(error.elapsedMs)}`]
  const apart: Mend = {
    where: "here, to probe the server before its name is there",
    text: `holdfast probe --resolve ${host}:${port}:ADDRESS ${url}`,
  }
  const what = `${host}: ${nameFault(error)}`
  const isUnknown = error.code === "ENOTFOUND" || error.code === "ENODATA"
  const found = isUnknown
    ? suspect("name-not-found", "The name is not in the DNS, or is misspelt", {
        hop: "name service",
        evidence,
        mend: [{ where: "the zone of the name", text: `${host}. 300 IN A ADDRESS` }, apart],
      })
    : suspect("name-service-down", "The name service of this machine gives no answer", {
        hop: "name service",
        certainty: "likely",
        evidence,
        mend: [{ where: "/etc/resolv.conf of this machine", text: "nameserver ADDRESS" }, apart],
      })
  return { severity: "error", what, suspects: [found] }
}

function diagnoseDead(one: Case, { tried }: AddressesSeen): Diagnosis {
  const { authority } = one.context.endpoint
  const evidence = tried.map((address) => triedText(one, address))
  const lead = tried.find((address) => !isNoWay(address))
  if (lead?.error === undefined) return diagnoseNoRoute(one, evidence)
  const isRefused = lead.error.code === "ECONNREFUSED"
  const what = isRefused ? `${authority} refuses all connections` : `No connection to ${authority}`
  return {
    severity: "error",
    what,
    suspects: isRefused ? refusals(one, evidence) : silences(one, lead.error, evidence),
  }
}

function refusals(one: Case, evidence: readonly string[]): Suspect[] {
  const { port, host, secure } = one.context.endpoint
  return [
    suspect("nothing-listens", "Nothing listens at this port: the server is down, or listens elsewhere", {
      hop: host,
      certainty: "likely",
      evidence,
      mend: [
        { where: "the server, to see what listens", text: `ss -ltnp 'sport = :${port}'` },
        ...edgeMends(one, {
          place: "in the server",
          nginx: `listen ${port}${secure ? " ssl" : ""};`,
          haproxy: `bind :${port}${secure ? ` ssl crt /etc/haproxy/${host}.pem` : ""}`,
        }),
      ],
    }),
    suspect("firewall-rejects", "A firewall in front of it rejects the connection", {
      hop: "firewall",
      certainty: "possible",
      evidence,
      mend: [allowPort(port)],
    }),
  ]
}

function silences(one: Case, error: DialError, evidence: readonly string[]): Suspect[] {
  const { port, host } = one.context.endpoint
  const isTold = error.code === "EHOSTUNREACH"
  return [
    suspect(
      "no-answer",
      isTold
        ? "A router on the way says that the machine is not there"
        : "A firewall or security group drops the connection, or the machine is down",
      { hop: isTold ? "network" : "firewall", certainty: "likely", evidence, mend: [allowPort(port)] },
    ),
    suspect("backlog-full", "The server does not take up connections any more: its queue is full", {
      hop: host,
      certainty: "possible",
      evidence,
      mend: [
        { where: "the server: Recv-Q above Send-Q is a full queue", text: `ss -ltn 'sport = :${port}'` },
        ...edgeMends(one, {
          place: "in the server, with sysctl net.core.somaxconn",
          nginx: `listen ${port}${one.context.endpoint.secure ? " ssl" : ""} backlog=4096;`,
          haproxy: "maxconn 100000\nbacklog 4096",
        }),
      ],
    }),
  ]
}

function allowPort(port: number): Mend {
  return { where: "the firewall of the server, or its security group", text: `ufw allow ${port}/tcp` }
}

function diagnoseNoRoute({ context }: Case, evidence: readonly string[]): Diagnosis {
  const { host, port, url } = context.endpoint
  const found = suspect("no-route", "This machine has no route to any of the addresses", {
    hop: "this machine",
    evidence,
    mend: [
      {
        where: "here, for one that it can reach",
        text: `holdfast probe --resolve ${host}:${port}:ADDRESS ${url}`,
      },
    ],
  })
  return { severity: "error", what: `${host} is not reachable from here`, suspects: [found] }
}

function diagnoseSome(one: Case, alive: readonly AddressTried[], dead: readonly AddressTried[]): Diagnosis {
  const { port, host, secure } = one.context.endpoint
  const isFamily = dead.every(({ family }) => family === 6) && alive.every(({ family }) => family === 4)
  const isRefused = dead.every(({ error }) => error?.code === "ECONNREFUSED")
  const addresses = dead.map(({ address }) => address)
  const records = addresses.map((address) => `${host}. IN ${address.includes(":") ? "AAAA" : "A"} ${address}`)
  const certificate = secure ? ` ssl crt /etc/haproxy/${host}.pem` : ""
  const listen = edgeMends(one, {
    place: "in the server",
    nginx: isFamily
      ? `listen ${port}${secure ? " ssl" : ""};\nlisten [::]:${port}${secure ? " ssl" : ""};`
      : `listen ${port}${secure ? " ssl" : ""};`,
    haproxy: isFamily ? `bind :::${port} v4v6${certificate}` : `bind :${port}${certificate}`,
  })
  const found = suspect(
    isFamily ? "ipv6-dead" : "address-dead",
    isFamily
      ? `The name has an IPv6 address, and ${isRefused ? "nothing listens there" : "it does not answer"}`
      : "The name has an address at which no server is (any more)",
    {
      hop: addresses.map((address) => hostPort(address, port)).join(", "),
      evidence: [...dead, ...alive].map((tried) => triedText(one, tried)),
      mend: [...listen, { where: "or out of the zone of the name", text: records.join("\n") }],
    },
  )
  const what = `${dead.length} of ${alive.length + dead.length} addresses of ${host} ${dead.length === 1 ? "does" : "do"} not answer: clients that begin there fail or wait`
  return { severity: "warning", what, suspects: [found] }
}

function triedText({ context }: Case, { address, error, connectMs }: AddressTried): string {
  const place = hostPort(address, context.endpoint.port)
  if (error === undefined) return `${place} answers in ${formatDuration(connectMs)}`
  return `${place}: ${connectFault(error)}, after ${formatDuration(error.elapsedMs)}`
}

function diagnoseSlowName({ resolveMs }: AddressesSeen): Diagnosis[] {
  if (resolveMs < SLOW_NAME_MS) return []
  const found = suspect(
    "name-service-slow",
    "One of this machine's name servers does not answer, and the next is asked",
    {
      hop: "name service",
      certainty: "likely",
      evidence: [`the name took ${formatDuration(resolveMs)}`],
      mend: [{ where: "/etc/resolv.conf of this machine", text: "options timeout:1 attempts:2 rotate" }],
    },
  )
  return [
    { severity: "info", what: `The name took ${formatDuration(resolveMs)} to resolve`, suspects: [found] },
  ]
}
