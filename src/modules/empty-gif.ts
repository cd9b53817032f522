/** empty_gif: a transparent picture of one pixel. ngx_http_empty_gif_module. */
import { directives, LOCATION } from "../config/row.ts"
import { defineModule } from "../runtime/module.ts"
import { setModified } from "../runtime/not-modified.ts"
import { DONE, type PhaseResult } from "../runtime/phases.ts"
import type { Request } from "../runtime/request.ts"
import { sendHead } from "../runtime/send-head.ts"

const NOT_ALLOWED = 405

/** Mon, 28 Sep 1970 06:00:00 GMT */
const MODIFIED_SECONDS = 23_349_600

/** Header, size, a palette of black and white, the second of them transparent, one pixel of that, the end. */
const PICTURE = [
  "474946383961", // GIF89a
  "010001008001", // width, height, palette of two, background
  "00",
  "000000ffffff",
  "21f9040100000100",
  "2c00000000010001000002024c01003b",
].join("")

export const emptyGif = defineModule({
  name: "empty_gif",
  directives: directives({
    empty_gif: {
      in: LOCATION,
      args: 0,
      parse: (): true => true,
      join: (): true => true,
      inherit: false,
      doc: "Answers with a transparent GIF of one pixel.",
    },
  }),
  location: ({ empty_gif: isOn }): Buffer | undefined =>
    isOn === true ? Buffer.from(PICTURE, "hex") : undefined,
  phases: { content: answer },
})

function answer(request: Request, picture: Buffer): PhaseResult {
  if (request.method !== "GET" && request.method !== "HEAD") return NOT_ALLOWED
  const { response } = request
  request.isDiscardingBody = true
  response.status = request.errorStatus > 0 ? request.errorStatus : 200
  response.contentType = "image/gif"
  response.contentLength = picture.length
  setModified(request, MODIFIED_SECONDS)
  const refusal = sendHead(request)
  if (refusal !== 0) return refusal
  request.exchange.write(picture)
  request.exchange.end()
  return DONE
}
