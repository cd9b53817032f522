/**
 * Requests that two parsers might read in two ways, which is what request smuggling lives on. Each is either
 * refused or has the one meaning given here. For tests of the codec and of the whole proxy.
 */

/** A message as it must be understood; `body` without its coding. */
export interface SmugglingMessage {
  method: string
  target: string
  /** The host that counts: of the absolute form, else of the Host field; lower case, without port. */
  host: string
  body: string
}

/** Octets as latin1, as a client sends them on one connection. */
export interface SmugglingCase {
  name: string
  bytes: string
  /** Whether the (first) request must be answered with 400 and the connection closed. */
  refused: boolean
  /** What the bytes mean when they are not refused. */
  messages: readonly SmugglingMessage[]
}

function refused(name: string, bytes: string): SmugglingCase {
  return { name, bytes, refused: true, messages: [] }
}

function means(name: string, bytes: string, ...messages: SmugglingMessage[]): SmugglingCase {
  return { name, bytes, refused: false, messages }
}

function message(method: string, target: string, body: string = "", host: string = "a"): SmugglingMessage {
  return { method, target, host, body }
}

const POST = "POST /p HTTP/1.1\r\nHost: a\r\n"
const GET = "GET /g HTTP/1.1\r\nHost: a\r\n"
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`
const LAST = "0\r\n\r\n"
const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

const LENGTHS: SmugglingCase[] = [
  means("a length", `${POST}Content-Length: 5\r\n\r\nhello`, message("POST", "/p", "hello")),
  means(
    "a length of nothing",
    `${POST}Content-Length: 0\r\n\r\n${GET}\r\n`,
    message("POST", "/p"),
    message("GET", "/g"),
  ),
  means("no length: no body", `${GET}\r\n${GET}\r\n`, message("GET", "/g"), message("GET", "/g")),
  means("leading zeros", `${POST}Content-Length: 0005\r\n\r\nhello`, message("POST", "/p", "hello")),
  means(
    "white space around a length",
    `${POST}Content-Length: \t 5 \t\r\n\r\nhello`,
    message("POST", "/p", "hello"),
  ),
  means(
    "a body that looks like a request",
    `${POST}Content-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`,
    message("POST", "/p", SMUGGLED),
  ),
  refused("two different lengths", `${POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`),
  refused("two equal lengths", `${POST}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`),
  refused("lengths in two spellings", `${POST}Content-Length: 5\r\ncontent-length: 5\r\n\r\nhello`),
  refused("a list of lengths", `${POST}Content-Length: 5, 5\r\n\r\nhello`),
  refused("a list of different lengths", `${POST}Content-Length: 5,6\r\n\r\nhello`),
  refused("a positive length", `${POST}Content-Length: +5\r\n\r\nhello`),
  refused("a negative length", `${POST}Content-Length: -5\r\n\r\nhello`),
  refused("a negative zero", `${POST}Content-Length: -0\r\n\r\n`),
  refused("an empty length", `${POST}Content-Length: \r\n\r\n`),
  refused("a hexadecimal length", `${POST}Content-Length: 0x5\r\n\r\nhello`),
  refused("a length with an exponent", `${POST}Content-Length: 5e0\r\n\r\nhello`),
  refused("a length with a fraction", `${POST}Content-Length: 5.0\r\n\r\nhello`),
  refused("a length with a space in it", `${POST}Content-Length: 5 0\r\n\r\nhello`),
  refused("a length with an underscore in it", `${POST}Content-Length: 1_0\r\n\r\nhellohello`),
  refused("a length behind which more stands", `${POST}Content-Length: 5;\r\n\r\nhello`),
  refused("a quoted length", `${POST}Content-Length: "5"\r\n\r\nhello`),
  refused("a length over 2^53", `${POST}Content-Length: 9007199254740993\r\n\r\n`),
  refused("a length over 2^64", `${POST}Content-Length: 18446744073709551621\r\n\r\nhello`),
  refused("a length in other digits", `${POST}Content-Length: \xd9\xa5\r\n\r\nhello`),
  refused("a vertical tab before a length", `${POST}Content-Length: \x0b5\r\n\r\nhello`),
]

const TRANSFER_ENCODINGS: SmugglingCase[] = [
  means("chunked", `${CHUNKED}5\r\nhello\r\n${LAST}`, message("POST", "/p", "hello")),
  means("chunked in capitals", `${POST}TRANSFER-ENCODING: CHUNKED\r\n\r\n${LAST}`, message("POST", "/p")),
  means(
    "white space around chunked",
    `${POST}Transfer-Encoding: \t chunked \r\n\r\n${LAST}`,
    message("POST", "/p"),
  ),
  refused("length before coding", `${POST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n${LAST}`),
  refused("coding before length", `${POST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${LAST}`),
  refused(
    "coding and an empty length",
    `${POST}Transfer-Encoding: chunked\r\nContent-Length:\r\n\r\n${LAST}`,
  ),
  refused(
    "coding and a length of nothing",
    `${POST}Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n${SMUGGLED}`,
  ),
  refused(
    "an unknown coding and a length",
    `${POST}Transfer-Encoding: xchunked\r\nContent-Length: 4\r\n\r\nabcd`,
  ),
  refused("a tab behind chunked", `${POST}Transfer-Encoding: chunked \t\r\n\r\n${LAST}`),
  refused("xchunked", `${POST}Transfer-Encoding: xchunked\r\n\r\n${LAST}`),
  refused("chunkedx", `${POST}Transfer-Encoding: chunkedx\r\n\r\n${LAST}`),
  refused("identity", `${POST}Transfer-Encoding: identity\r\n\r\n`),
  refused("identity and a length", `${POST}Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello`),
  refused("gzip", `${POST}Transfer-Encoding: gzip\r\n\r\n`),
  refused("gzip, chunked", `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n${LAST}`),
  refused("chunked, gzip", `${POST}Transfer-Encoding: chunked, gzip\r\n\r\n${LAST}`),
  refused("chunked, identity", `${POST}Transfer-Encoding: chunked, identity\r\n\r\n${LAST}`),
  refused("chunked twice in one field", `${POST}Transfer-Encoding: chunked, chunked\r\n\r\n${LAST}`),
  refused(
    "chunked twice in two fields",
    `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${LAST}`,
  ),
  refused(
    "chunked, then another field",
    `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n${LAST}`,
  ),
  refused("chunked behind a comma", `${POST}Transfer-Encoding: ,chunked\r\n\r\n${LAST}`),
  refused("chunked before a comma", `${POST}Transfer-Encoding: chunked,\r\n\r\n${LAST}`),
  refused("chunked with a parameter", `${POST}Transfer-Encoding: chunked;q=1\r\n\r\n${LAST}`),
  refused("quoted chunked", `${POST}Transfer-Encoding: "chunked"\r\n\r\n${LAST}`),
  refused("an empty coding", `${POST}Transfer-Encoding:\r\n\r\n`),
  refused("chunked behind a vertical tab", `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n${LAST}`),
  refused("chunked behind a form feed", `${POST}Transfer-Encoding: \x0cchunked\r\n\r\n${LAST}`),
  refused("chunked before NUL", `${POST}Transfer-Encoding: chunked\0\r\n\r\n${LAST}`),
  refused("chunked behind a no-break space", `${POST}Transfer-Encoding: \xa0chunked\r\n\r\n${LAST}`),
  refused("a space before the colon", `${POST}Transfer-Encoding : chunked\r\n\r\n${LAST}`),
  refused("a tab before the colon", `${POST}Transfer-Encoding\t: chunked\r\n\r\n${LAST}`),
  refused("a space before the name", `${POST} Transfer-Encoding: chunked\r\n\r\n${LAST}`),
  refused("a name with NUL", `${POST}Transfer-Encoding\0: chunked\r\n\r\n${LAST}`),
  refused("a name with an octet over 127", `${POST}Transfer-Encoding\xff: chunked\r\n\r\n${LAST}`),
  refused("a coding on a folded line", `${POST}Transfer-Encoding:\r\n chunked\r\n\r\n${LAST}`),
  refused("a coding hidden in a folded line", `${POST}X: y\r\n Transfer-Encoding: chunked\r\n\r\n${LAST}`),
  refused("a coding hidden behind a bare CR", `${POST}X: y\rTransfer-Encoding: chunked\r\n\r\n${LAST}`),
  refused("chunked in HTTP/1.0", `POST /p HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n${LAST}`),
  means(
    "a coding named with an underscore is another field",
    `${POST}Transfer_Encoding: chunked\r\n\r\n`,
    message("POST", "/p"),
  ),
  means(
    "a coding behind a bare LF counts",
    `${POST}X: y\nTransfer-Encoding: chunked\r\n\r\n${LAST}`,
    message("POST", "/p"),
  ),
]

const CHUNKS: SmugglingCase[] = [
  means(
    "two chunks",
    `${CHUNKED}5\r\nhello\r\nA\r\n, octets..\r\n${LAST}`,
    message("POST", "/p", "hello, octets.."),
  ),
  means(
    "a size with leading zeros",
    `${CHUNKED}00005\r\nhello\r\n000\r\n\r\n`,
    message("POST", "/p", "hello"),
  ),
  means("an extension", `${CHUNKED}5;a=b\r\nhello\r\n0;c\r\n\r\n`, message("POST", "/p", "hello")),
  means("a quoted extension", `${CHUNKED}5;a="b;\\"c"\r\nhello\r\n${LAST}`, message("POST", "/p", "hello")),
  means("a trailer field", `${CHUNKED}${LAST.slice(0, 3)}X-Sum: 1\r\n\r\n`, message("POST", "/p")),
  means(
    "a request behind the last chunk",
    `${CHUNKED}${LAST}${SMUGGLED}`,
    message("POST", "/p"),
    message("GET", "/smuggled"),
  ),
  refused("a bare LF behind a size", `${CHUNKED}5\nhello\r\n${LAST}`),
  refused("a bare LF behind the data", `${CHUNKED}5\r\nhello\n${LAST}`),
  refused("a bare LF behind the last size", `${CHUNKED}0\n\r\n`),
  refused("a bare LF as the end", `${CHUNKED}0\r\n\n`),
  refused("a bare CR behind a size", `${CHUNKED}5\rhello\r\n${LAST}`),
  refused("a bare CR behind the data", `${CHUNKED}5\r\nhello\r${LAST}`),
  refused("more data than its size", `${CHUNKED}5\r\nhello!\r\n${LAST}`),
  refused("less data than its size", `${CHUNKED}5\r\nhell\r\n${LAST}`),
  refused("no size", `${CHUNKED}\r\n\r\n`),
  refused("a size that is no number", `${CHUNKED}g\r\nhello\r\n${LAST}`),
  refused("a size with 0x", `${CHUNKED}0x5\r\nhello\r\n${LAST}`),
  refused("a positive size", `${CHUNKED}+5\r\nhello\r\n${LAST}`),
  refused("a negative size", `${CHUNKED}-5\r\nhello\r\n${LAST}`),
  refused("a size behind a space", `${CHUNKED} 5\r\nhello\r\n${LAST}`),
  refused("a size before a space", `${CHUNKED}5 \r\nhello\r\n${LAST}`),
  refused("a size before a tab", `${CHUNKED}5\t\r\nhello\r\n${LAST}`),
  refused("a size with an underscore", `${CHUNKED}1_0\r\nhellohellohello!\r\n${LAST}`),
  refused("a size over 2^53", `${CHUNKED}20000000000001\r\nhello\r\n${LAST}`),
  refused("a size that wraps at 2^64", `${CHUNKED}10000000000000005\r\nhello\r\n${LAST}`),
  refused("a size of many zeros", `${CHUNKED}${"0".repeat(64)}5\r\nhello\r\n${LAST}`),
  refused("an empty extension", `${CHUNKED}5;\r\nhello\r\n${LAST}`),
  refused("an extension without a name", `${CHUNKED}5;=a\r\nhello\r\n${LAST}`),
  refused("an extension with white space", `${CHUNKED}5; a=b\r\nhello\r\n${LAST}`),
  refused("a bare LF in an extension", `${CHUNKED}5;a\nhello\r\n${LAST}`),
  refused("a bare CR in an extension", `${CHUNKED}5;a\rb\r\nhello\r\n${LAST}`),
  refused("NUL in an extension", `${CHUNKED}5;a\0\r\nhello\r\n${LAST}`),
  refused("an open quote in an extension", `${CHUNKED}5;a="b\r\nhello\r\n${LAST}`),
  refused("an extension without end", `${CHUNKED}5;${"a".repeat(5000)}\r\nhello\r\n${LAST}`),
  refused("a length as a trailer", `${CHUNKED}0\r\nContent-Length: 5\r\n\r\n`),
  refused("a coding as a trailer", `${CHUNKED}0\r\nTransfer-Encoding: chunked\r\n\r\n`),
  refused("a folded trailer", `${CHUNKED}0\r\nX: a\r\n b\r\n\r\n`),
  refused("a trailer with a bare LF", `${CHUNKED}0\r\nX: a\n\r\n`),
  refused("a request in the place of trailers", `${CHUNKED}0\r\n${SMUGGLED}`),
]

const HEADS: SmugglingCase[] = [
  means("bare LFs", "GET /g HTTP/1.1\nHost: a\n\n", message("GET", "/g")),
  means("blank lines before a request", `\r\n\n\r\n${GET}\r\n`, message("GET", "/g")),
  means("spaces in the request line", "GET   /g   HTTP/1.1\r\nHost: a\r\n\r\n", message("GET", "/g")),
  means("an empty value", `${GET}X:\r\n\r\n`, message("GET", "/g")),
  means("colons in a value", `${GET}X: a:b: c\r\n\r\n`, message("GET", "/g")),
  means("octets over 127 in a value", `${GET}X: \x80\xff\r\n\r\n`, message("GET", "/g")),
  means("an odd name is dropped", `${GET}X.Y: 1\r\n\r\n`, message("GET", "/g")),
  refused("a bare CR as a line's end", "GET /g HTTP/1.1\rHost: a\r\r"),
  refused("a bare CR before a request", `\r${GET}\r\n`),
  refused("a bare CR in a value", `${GET}X: a\rb\r\n\r\n`),
  refused("CR CR LF", `${GET}X: a\r\r\n\r\n`),
  refused("CR CR LF as the end", `${GET}\r\r\n`),
  refused("NUL in a value", `${GET}X: a\0b\r\n\r\n`),
  refused("DEL in a value", `${GET}X: a\x7fb\r\n\r\n`),
  refused("a control octet in a value", `${GET}X: a\x01b\r\n\r\n`),
  refused("NUL in the target", "GET /g\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
  refused("a tab in the request line", "GET\t/g\tHTTP/1.1\r\nHost: a\r\n\r\n"),
  refused("a space behind the version", "GET /g HTTP/1.1 \r\nHost: a\r\n\r\n"),
  refused("a folded value", `${GET}X: a\r\n\tb\r\n\r\n`),
  refused("a folded first line", "GET /g HTTP/1.1\r\n Host: a\r\n\r\n"),
  refused("an empty name", `${GET}: a\r\n\r\n`),
  refused("a line without a colon", `${GET}X\r\n\r\n`),
  refused("a space in a name", `${GET}X Y: a\r\n\r\n`),
  refused("a request line as a field", `${GET}GET /smuggled HTTP/1.1\r\n\r\n`),
  refused("a method in small letters", "get /g HTTP/1.1\r\nHost: a\r\n\r\n"),
  refused("a second request line's worth", "GET /g HTTP/1.1 GET /h HTTP/1.1\r\nHost: a\r\n\r\n"),
  refused("no version", "GET /g\r\nHost: a\r\n\r\n"),
  refused("HTTP/0.9", "GET /g HTTP/0.9\r\nHost: a\r\n\r\n"),
  refused("HTTP/1.", "GET /g HTTP/1.\r\nHost: a\r\n\r\n"),
  refused("HTTP/1.1x", "GET /g HTTP/1.1x\r\nHost: a\r\n\r\n"),
  refused("HTTP/01.1", "GET /g HTTP/01.1\r\nHost: a\r\n\r\n"),
  refused("http/1.1", "GET /g http/1.1\r\nHost: a\r\n\r\n"),
  refused("HTTP/2.0", "GET /g HTTP/2.0\r\nHost: a\r\n\r\n"),
]

const HOSTS: SmugglingCase[] = [
  means(
    "a port and capitals",
    "GET /g HTTP/1.1\r\nHost: A.Example:8080\r\n\r\n",
    message("GET", "/g", "", "a.example"),
  ),
  means("an IPv6 address", "GET /g HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", message("GET", "/g", "", "[::1]")),
  means("no host in HTTP/1.0", "GET /g HTTP/1.0\r\n\r\n", message("GET", "/g", "", "")),
  means(
    "the absolute form outweighs Host",
    "GET http://b.example/g HTTP/1.1\r\nHost: a\r\n\r\n",
    message("GET", "http://b.example/g", "", "b.example"),
  ),
  means(
    "the absolute form without a path",
    "GET http://b HTTP/1.1\r\nHost: a\r\n\r\n",
    message("GET", "http://b", "", "b"),
  ),
  refused("the absolute form without Host", "GET http://b/g HTTP/1.1\r\n\r\n"),
  refused("the absolute form with user information", "GET http://a@b/g HTTP/1.1\r\nHost: a\r\n\r\n"),
  refused("the absolute form without a host", "GET http:///g HTTP/1.1\r\nHost: a\r\n\r\n"),
  refused("a target without a slash", "GET g HTTP/1.1\r\nHost: a\r\n\r\n"),
  refused("an asterisk for GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
  refused("no host in HTTP/1.1", "GET /g HTTP/1.1\r\n\r\n"),
  refused("two hosts", `${GET}Host: b\r\n\r\n`),
  refused("two equal hosts", `${GET}Host: a\r\n\r\n`),
  refused("hosts in two spellings", `${GET}host: b\r\n\r\n`),
  refused("an empty host", "GET /g HTTP/1.1\r\nHost:\r\n\r\n"),
  refused("a host with a path", "GET /g HTTP/1.1\r\nHost: a/b\r\n\r\n"),
  refused("a host with user information", "GET /g HTTP/1.1\r\nHost: a@b\r\n\r\n"),
  refused("a host with a space", "GET /g HTTP/1.1\r\nHost: a b\r\n\r\n"),
  refused("a list of hosts", "GET /g HTTP/1.1\r\nHost: a, b\r\n\r\n"),
  refused("a port that is no number", "GET /g HTTP/1.1\r\nHost: a:b\r\n\r\n"),
  refused("two ports", "GET /g HTTP/1.1\r\nHost: a:80:81\r\n\r\n"),
  refused("two dots", "GET /g HTTP/1.1\r\nHost: a..b\r\n\r\n"),
  refused("an open bracket", "GET /g HTTP/1.1\r\nHost: [::1\r\n\r\n"),
  refused("a space before the colon of Host", "GET /g HTTP/1.1\r\nHost : a\r\n\r\n"),
]

export const SMUGGLING_CORPUS: readonly SmugglingCase[] = [
  ...LENGTHS,
  ...TRANSFER_ENCODINGS,
  ...CHUNKS,
  ...HEADS,
  ...HOSTS,
]
