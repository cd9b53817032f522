/** What to do with the file that was written. */
import { existsSync } from "node:fs"
import { certificateCommand, LETS_ENCRYPT, shellWord } from "./certificate.ts"
import type { Plan } from "./plan.ts"
import { isLoopbackName } from "./values.ts"

/** What both programs read where nothing is said. */
const DEFAULT_MAIN_FILE = "/etc/nginx/nginx.conf"

/** What became of the file. */
export interface Written {
  readonly file: string
  /** What a program is started with: the file itself or what includes it; null where nothing does. */
  readonly mainFile: string | null
  /** The test succeeded. */
  readonly holds: boolean
}

export function nextSteps(plan: Plan, written: Written): string {
  const { file, holds } = written
  const head = holds
    ? ["", "Next:"]
    : [
        "",
        `The test failed, so nothing can start with this yet; ${file} stays.`,
        ...certificateLines(plan),
        "Then:",
      ]
  const probes = plan.sockets.map(({ path }) => probeLine(path, plan))
  const steps = [...runLines(plan, written), ...probes]
  return `${[...head, ...steps.map((line) => `  ${line}`)].join("\n")}\n`
}

function certificateLines({ keyPair, names }: Plan): string[] {
  if (keyPair === null || [keyPair.certificate, keyPair.key].every((path) => existsSync(path))) return []
  const { certificate, key } = keyPair
  const command = certificateCommand(certificate, key, names)
  const isElsewhere = command.startsWith("certbot") && !certificate.startsWith(LETS_ENCRYPT)
  return [
    `The certificate has to be at ${certificate}, its key at ${key}. One way to get them:`,
    `  ${command}`,
    ...(isElsewhere ? [`which puts them into ${LETS_ENCRYPT}/: write those paths into the file.`] : []),
  ]
}

/** The commands that test and start it, or reload what includes it. */
function runLines({ isInclude, target }: Plan, { file, mainFile, holds }: Written): string[] {
  const program = target.isHoldfast ? "holdfast" : "nginx"
  const main = mainFile ?? DEFAULT_MAIN_FILE
  const option = main === DEFAULT_MAIN_FILE ? "" : ` -c ${shellWord(main)}`
  if (!isInclude) return [...(holds ? [] : [`${program} -t${option}`]), `${program}${option}`]
  const include = `include ${file} in the http block of ${main}`
  return [...(mainFile === null ? [include] : []), `${program} -t${option}`, `${program} -s reload${option}`]
}

/** The words of `holdfast probe` for a path. A wildcard stands for "www". */
function probeLine(path: string, { names, listens, keyPair }: Plan): string {
  const [listen] = listens
  const { host = "*", port = 443, isLoopback = false } = listen ?? {}
  const isSecure = keyPair !== null
  const known = names.find((one) => !/^\*?\./.test(one)) ?? names[0] ?? "localhost"
  const address = host.includes(":") ? `[${host}]` : host
  // Without TLS no name is compared, and the address is what is listened on.
  const name = isSecure ? known.replace(/^\*?\./, "www.") : address
  const authority = port === (isSecure ? 443 : 80) ? name : `${name}:${port}`
  const line = `holdfast probe ${shellWord(`${isSecure ? "wss" : "ws"}://${authority}${encodeURI(path)}`)}`
  // Its name leads elsewhere, or nowhere.
  return isSecure && isLoopback && !isLoopbackName(name)
    ? `${line} --resolve ${name}:${port}:${address}`
    : line
}
