import { readFileSync } from "node:fs"
import { issueCertificate, testAuthority } from "../support/certificates.ts"
import { describeBadInput, inHttp, inServer } from "./bad-input.ts"

const [first, second, rsa] = await Promise.all([
  issueCertificate(["a.test"]),
  issueCertificate(["b.test"]),
  issueCertificate(["a.test"], "rsa"),
])
const locked = await (await testAuthority()).issue({ names: ["c.test"], passphrase: "secret" })
const lines = "ssl_certificate a.crt;\nssl_certificate_key a.key;"

describeBadInput("certificates and keys", [
  {
    name: "a key that is not there",
    config: inServer(lines),
    files: { "a.crt": first.certificate },
    error:
      'cannot load certificate key "{dir}/a.key": BIO_new_file() failed (SSL: error:80000002:system library::No such file or directory:calling fopen({dir}/a.key, r) error:10000080:BIO routines::no such file)',
  },
  {
    name: "a key that is none",
    config: inServer(lines),
    files: { "a.crt": first.certificate, "a.key": "hello\n" },
    error:
      'cannot load certificate key "{dir}/a.key": PEM_read_bio_PrivateKey() failed (SSL: error:1E08010C:DECODER routines::unsupported:No supported data to decode. Input type: PEM)',
  },
  {
    name: "the key of another certificate",
    config: inServer(lines),
    files: { "a.crt": first.certificate, "a.key": second.key },
    error:
      'SSL_CTX_use_PrivateKey("{dir}/a.key") failed (SSL: error:05800074:x509 certificate routines::key values mismatch)',
  },
  {
    name: "a key of another kind",
    config: inServer(lines),
    files: { "a.crt": first.certificate, "a.key": rsa.key },
    error:
      'SSL_CTX_use_PrivateKey("{dir}/a.key") failed (SSL: error:05800073:x509 certificate routines::key type mismatch)',
    nginx: { error: null, why: "nginx takes the pair, and every handshake fails" },
  },
  {
    name: "certificate and key in each other's place",
    config: inServer(lines),
    files: { "a.crt": first.key, "a.key": first.certificate },
    error:
      'cannot load certificate "{dir}/a.crt": PEM_read_bio_X509_AUX() failed (SSL: error:0480006C:PEM routines::no start line:Expecting: TRUSTED CERTIFICATE)',
  },
  {
    name: "a locked key with the wrong pass phrase",
    config: inServer(`${lines}\nssl_password_file pass;`),
    files: { "a.crt": locked.certificate, "a.key": readFileSync(locked.keyFile, "latin1"), pass: "wrong\n" },
    error:
      'cannot load certificate key "{dir}/a.key": PEM_read_bio_PrivateKey() failed (SSL: error:1C800064:Provider routines::bad decrypt)',
    nginx: { error: null, why: "nginx tells all of OpenSSL's errors, of which Node tells the first" },
  },
  {
    name: "authorities that are not there",
    config: inServer(`${lines}\nssl_client_certificate ca.crt;\nssl_verify_client on;`),
    files: { "a.crt": first.certificate, "a.key": first.key },
    error:
      'SSL_CTX_load_verify_locations("{dir}/ca.crt") failed (SSL: error:80000002:system library::No such file or directory:calling fopen({dir}/ca.crt, r) error:10000080:BIO routines::no such file error:05880002:x509 certificate routines::system lib)',
  },
  {
    name: "authorities that are none",
    config: inServer(`${lines}\nssl_client_certificate ca.crt;\nssl_verify_client on;`),
    files: { "a.crt": first.certificate, "a.key": first.key, "ca.crt": "hello\n" },
    error:
      'SSL_CTX_load_verify_locations("{dir}/ca.crt") failed (SSL: error:05800088:x509 certificate routines::no certificate or crl found)',
  },
  {
    name: "one zone with two sizes",
    config: inHttp(
      `ssl_certificate a.crt;\nssl_certificate_key a.key;\nserver {\nlisten 127.0.0.1:{port};\nssl_session_cache shared:a:64k;\n}\nserver {\nssl_session_cache shared:a:128k; #!\n}`,
    ),
    files: { "a.crt": first.certificate, "a.key": first.key },
    error: 'the size 131072 of shared memory zone "a" conflicts with already declared size 65536',
  },
  {
    name: "groups of key exchange that OpenSSL does not know",
    config: inServer(`${lines}\nssl_ecdh_curve nonsense;`),
    files: { "a.crt": first.certificate, "a.key": first.key },
    error:
      "SSL_CTX_set1_curves_list(\"nonsense\") failed (SSL: error:0A080106:SSL routines::passed invalid argument:group 'nonsense' cannot be set)",
  },
  {
    name: "parameters of Diffie and Hellman that are none",
    config: inServer(`${lines}\nssl_dhparam a.key;`),
    files: { "a.crt": first.certificate, "a.key": first.key },
    error:
      'PEM_read_bio_DHparams("{dir}/a.key") failed (SSL: error:0480006C:PEM routines::no start line:Expecting: DH PARAMETERS)',
  },
  {
    name: "clients are verified, but by nobody",
    config: inServer(`${lines}\nssl_verify_client on;`),
    files: { "a.crt": first.certificate, "a.key": first.key },
    error: "no ssl_client_certificate or ssl_trusted_certificate for ssl_verify_client",
    nginx: { error: "no ssl_client_certificate for ssl_verify_client", why: "nginx 1.22 is older" },
  },
])
