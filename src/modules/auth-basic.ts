/** auth_basic, auth_basic_user_file: a user and a password for the request (RFC 7617). ngx_http_auth_basic_module. */
import { errnoText } from "../base/errno.ts"
import { CRIT, ERROR, INFO } from "../base/logger.ts"
import { directives, HTTP, LIMIT_EXCEPT, LOCATION, SERVER, type ValueContext } from "../config/row.ts"
import { equalsIgnoreCase } from "../http/octets.ts"
import type { ResponseProducer } from "../runtime/exchange.ts"
import { defineModule, type Module } from "../runtime/module.ts"
import { failRequest, finalize, NEXT, type PhaseResult, resumePhases, WAIT } from "../runtime/phases.ts"
import type { Request } from "../runtime/request.ts"
import { type Template, template } from "../runtime/template.ts"
import { allowAccess, isAccessGranted, refuseAccess } from "./access-satisfy.ts"
import { MATCH, MISMATCH, Passwords, type PasswordVerdict, SLOW } from "./auth-passwords.ts"
import type { PasswordWaiter } from "./auth-slow-hash.ts"
import { UserFiles } from "./auth-user-file.ts"

const CONTEXTS = HTTP | SERVER | LOCATION | LIMIT_EXCEPT
const UNAUTHORIZED = 401
const FORBIDDEN = 403
const INTERNAL_ERROR = 500
const UNAVAILABLE = 503

/** What all requests of a generation share. */
interface Shared {
  readonly files: UserFiles
  readonly passwords: Passwords
}

interface UserFilePath {
  readonly path: Template
  /** A path that is not absolute is relative to it. */
  readonly confPrefix: string
}

interface BasicAuth extends Shared {
  readonly realm: Template
  readonly userFile: UserFilePath
}

interface Credentials {
  readonly user: string
  readonly password: string
}

export const authBasic: Module<BasicAuth, Shared> = defineModule({
  name: "auth_basic",
  directives: directives({
    auth_basic: {
      in: CONTEXTS,
      value: template,
      syntax: "string | off",
      doc: "Asks for a user and a password, in the realm that is named; `off` does not.",
    },
    auth_basic_user_file: {
      in: CONTEXTS,
      value: parseUserFile,
      syntax: "file",
      doc: "The file of users and their passwords: {PLAIN}, {SHA}, {SSHA}, $apr1$, and what crypt(3) knows: DES, $1$, $5$, $6$, $2a$, $2b$, $2y$.",
    },
  }),
  main: (): Shared => ({ files: new UserFiles(), passwords: new Passwords() }),
  location: (conf, context): BasicAuth | undefined => {
    const realm = conf.auth_basic
    const userFile = conf.auth_basic_user_file
    if (realm === undefined || userFile === undefined || realm.constant === "off") return undefined
    return { realm, userFile, ...context.main(authBasic) }
  },
  phases: { access: authenticate },
})

function parseUserFile(text: string, context: ValueContext): UserFilePath {
  return { path: template(text, context), confPrefix: context.confPrefix }
}

function authenticate(request: Request, auth: BasicAuth): PhaseResult {
  if (isAccessGranted(request)) return NEXT
  const realm = auth.realm.evaluate(request)
  if (realm === "off") return NEXT
  const credentials = credentialsOf(request)
  if (credentials === undefined) {
    request.log(INFO, "no user/password was provided for basic authentication")
    return demand(request, realm)
  }
  const path = pathOf(request, auth.userFile)
  let stored: string | undefined
  try {
    stored = auth.files.passwordOf(path, credentials.user)
  } catch (error) {
    return fileFailed(request, path, error as NodeJS.ErrnoException)
  }
  if (stored !== undefined) return checkUser(request, auth, credentials, stored, realm)
  request.log(ERROR, `user "${credentials.user}" was not found in "${path}"`)
  return demand(request, realm)
}

function checkUser(
  request: Request,
  { passwords }: BasicAuth,
  { user, password }: Credentials,
  stored: string,
  realm: string,
): PhaseResult {
  const verdict = passwords.check(password, stored)
  if (verdict !== SLOW) return resultOf(request, user, verdict, realm)
  return new Asking(request, passwords, { user, password }, stored, realm).start()
}

function resultOf(request: Request, user: string, verdict: PasswordVerdict, realm: string): PhaseResult {
  if (verdict === MATCH) return allowAccess(request)
  if (verdict === MISMATCH) {
    request.log(ERROR, `user "${user}": password mismatch`)
    return demand(request, realm)
  }
  request.log(CRIT, `user "${user}": ${verdict}`)
  return INTERNAL_ERROR
}

/** A request whose password takes its time to be checked. It is forgotten when the client leaves. */
class Asking implements PasswordWaiter, ResponseProducer {
  readonly #request: Request
  readonly #passwords: Passwords
  readonly #credentials: Credentials
  readonly #stored: string
  readonly #realm: string

  constructor(
    request: Request,
    passwords: Passwords,
    credentials: Credentials,
    stored: string,
    realm: string,
  ) {
    this.#request = request
    this.#passwords = passwords
    this.#credentials = credentials
    this.#stored = stored
    this.#realm = realm
  }

  start(): PhaseResult {
    const request = this.#request
    if (!this.#passwords.checkSlowly(this.#credentials.password, this.#stored, this)) {
      request.log(CRIT, `user "${this.#credentials.user}": too many passwords are being checked`)
      return UNAVAILABLE
    }
    request.exchange.producer = this
    return WAIT
  }

  onChecked(isRight: boolean): void {
    const request = this.#request
    request.exchange.producer = null
    try {
      const result = resultOf(request, this.#credentials.user, isRight ? MATCH : MISMATCH, this.#realm)
      if (result === NEXT) resumePhases(request)
      else if (result !== WAIT) finalize(request, result)
    } catch (error) {
      failRequest(request, error)
    }
  }

  onClientDrain(): void {}

  onClientGone(): void {
    this.release()
    this.#request.log(INFO, "client prematurely closed connection")
    finalize(this.#request, 499)
  }

  release(): void {
    this.#passwords.cancel(this.#credentials.password, this.#stored, this)
  }
}

function pathOf(request: Request, { path, confPrefix }: UserFilePath): string {
  const text = path.evaluate(request)
  return text.startsWith("/") ? text : confPrefix + text
}

function fileFailed(request: Request, path: string, error: NodeJS.ErrnoException): PhaseResult {
  const isMissing = error.code === "ENOENT"
  const call = error.syscall === "read" ? "pread" : "open"
  request.log(isMissing ? ERROR : CRIT, `${call}() "${path}" failed (${errnoText(error)})`)
  return isMissing ? refuseAccess(request, FORBIDDEN) : INTERNAL_ERROR
}

function demand(request: Request, realm: string): PhaseResult {
  request.response.headers.set("WWW-Authenticate", `Basic realm="${realm}"`)
  return refuseAccess(request, UNAUTHORIZED)
}

const SCHEME = "basic "
const SPACE = 32

/** User and password of `Authorization: Basic …`; undefined where they are not to be had. ngx_http_auth_basic_user. */
export function credentialsOf({ headers }: Request): Credentials | undefined {
  const field = headers.get("authorization")
  if (field === undefined || field.length <= SCHEME.length) return undefined
  if (!equalsIgnoreCase(field, 0, SCHEME.length, SCHEME)) return undefined
  let start = SCHEME.length
  while (field.charCodeAt(start) === SPACE) start++
  const text = decodeBase64(field.slice(start))
  const colon = text.indexOf(":")
  return colon > 0 ? { user: text.slice(0, colon), password: text.slice(colon + 1) } : undefined
}

/** "" for what is no base64. Node's decoder passes over what is not of the alphabet; nginx refuses it. */
function decodeBase64(text: string): string {
  const equals = text.indexOf("=")
  const digits = equals === -1 ? text : text.slice(0, equals)
  if (digits.length % 4 === 1 || !/^[A-Za-z0-9+/]*$/.test(digits)) return ""
  return Buffer.from(digits, "base64").toString("latin1")
}
