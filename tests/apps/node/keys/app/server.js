import { Buffer } from "node:buffer";
import crypto from "node:crypto";
import { types, promisify } from "node:util";

/** Made by OpenSSL for this test and nothing else. What is encrypted has the passphrase "secret". */
const keys = {
  rsa: `-----BEGIN RSA PRIVATE KEY-----
MIIEpAIBAAKCAQEAzF40vVT+z8ju2LXR73HGyej5c7O5+o8FdXCJXpxTPuWH9H/9
DBKdamlafiSz9LNuVM2JYISjowfLI5UkPzrIHMRIg/+SWDYHsWxrlHmNagb9k8G0
Cn65INnKgdRrmGBPRsBX6PUVNvfhvTVcbkAYjptJ7Zh5xQffGZnIZdTiUzrlVdJO
ZDT1jG6+u+nYwmuQ+IJjvZtUcaY7bc7KwZQ+98GqV3lUTIOeJ6g4XkYeCUSM5AuG
GVISAUhvEHI5qkROKiwFLkfFdf0pxdswhVST7ebgF5Ee6rlmq8ZQ2JZqTUUQMcg4
5AQu60Mb/k/mGDo/V4iJFJA0xiInL3LBiLFsSQIDAQABAoIBABC9YDBIdaE/Ngo3
9WjZrtTj0Yf/xxpuC95LYCMo5pwyqKTXNXrfTPfWBpipyLhA2McXOVsXrkAov6PL
3/bSaakKjl6KiPoS/eUTaon0PWg7h5qKXaUU7XTShhcFl2UZMXEsCN9e8NSKcBoD
lI0+0IwgzejJaiMAkq6KBUtLCVlUBo8Y5dDx+uEXKa7njf0zCrXbnEXVvRYb9fQI
gqThpnlm+Y8keLNuXZp3GYssaJ0k1FiAHjJwF3mSVQxDBgRWN+oNXzG+IR0DOgT1
mGwBwTC49dURgD9/OiVA1/+70Zh0hWEuaFjS2axqvfc3qEC6NaxwYYo/LUPtLnmJ
G/v0PsECgYEA686tfDlJL1f51HBhECZYHANt7mkx/wkpo4eJq22T/X5RWYMrL9wm
O3/+zO0hP5rR4w2Y5KixX1FkqMLEds9/MmpcBvNx8GxUODnt9L3TUw71TsaC92er
E3XuNq6z3FT4HokOJQaIED4Hyv/j5Lrc6KLe5s3VwL6zMCBQRoZJ+4kCgYEA3d5S
OxvOr7jhfWNlsI5vfSQJxpaY3w0yKnc10tuxE0Fe9XUuq07LafioXTk+M6q5MiD2
otH9Hgbpzrpbvaa2VjJuWCE/JefHVO7t6awKIo9It2y1/H8kBEYyLKzV4ihXcYPr
0l2INYfgn6cUa4yvioxjAfO3J/pquz8zewxP+sECgYEAvONswpJc1mjBffObPMWK
VL5Gg/COFP4w9YZvt/tpzWgvH+XbZVYS5hyMbXkR5hJNSHSu4ZNjqbfYSvrhR07F
VAwwtXyy62TLPdLhkuev7NuRks2fQTEwr8EK1ZCyEK+bpVIiG3SU73XQ5kJ+Oc2Z
gVxd80I0lFXt0YJA641MnAkCgYEAlZcfRGE0UwBJcHxDBO6UNwDEYpQJUGKaT01/
CcM8Oepadw7iP3hp5/JSukAtMzLJmQXmpNMGYWdx3wOBdXZg++8WvO71n74NhLNv
z5xCXRjUg2+VqD+k7gjSLZL+xnRCuPOkXXrYqpcJmTtSpkz90mFjI97Jv/e0XLl5
IV6k0kECgYAQogrXjkVxsnf9MiOr/d1j0RWWpRDFRw7EjLp+dY+N6pmPEWGRwiYO
J0MnAJEcCfuj0KblhIakVYE4QWQrSMCL5kXg9jq2/ld0ZU38axfhkmaLcCLwFefl
i0Si/m2qcIdWeegb+mwDn/hUnQ188gPfVbxhlaG3AEj2FVnOeIisEg==
-----END RSA PRIVATE KEY-----
`,
  small: `-----BEGIN PRIVATE KEY-----
MIICeQIBADANBgkqhkiG9w0BAQEFAASCAmMwggJfAgEAAoGBAOneDnXTVV6po7Oi
cQMEE/WS9N3l8bRG7r0GnZfzvXJcfMYyam8BdaBs/vXHor4ihWFPIeHxTcM3QKsM
P4nFVXUGqMf4ODX115rtQDIk/jJy43nfRzxrshwX7dGbdMWk4wusy6m5GO6a1VDh
0N7qpmZBZchGPFn9GDukY/YAL9z9AgMBAAECgYEA2/jEqyjjdI2lb5JMMCUGzQa0
EX92cDYD2oI9ey6Es+uwZRAIsm6x//plejKTrbl0sYmn+ghpN0RiLEDyBpk4/XSg
ZIE1olbesZnzdE1DYbvtW8/9FdUZNfciAdDNwuJEsAr3y8wcalutlFgJ7SfbYnfP
4L+wy9c4iDOXwHAKnuECQQD6f1fFDw1XANwg6LmxQjoBL/LNDKcWioYrDe2zJQWf
fdc36zmhYHCyqjhYjI1HKKs5q2UQ/X98X+DE1D68/TnVAkEA7wEyGS3reXy0DlcN
3jAh7TfBG2+0U0b+fam4LpCDLRhZZf9UFNiQJXDvkrjVR5NuujDvZ6fmauQFfPuu
CzdCiQJBAKlNQ/71y2hQNncvk8GQJzACPjIEKTH88e1LfqojjYdcQAeVPeAqFEFM
9sQySpIblI5nnuk6y9091+ZwJO8KnvkCQQCcRoffdusVULja94kV0xsb5OzbZ7rd
CPq2aBcKO2vKPLWXv8/WoZP/J00+/qRWXMx16jFf8aT0F4yPIHG427UhAkEA6We7
aLWomF4AUlSreEsa92ygKxScInADXQrZMi7H0BjJoX5vFo6FOHGQEcvufPIfwdyB
FBD81SKEfHrAiILAsw==
-----END PRIVATE KEY-----
`,
  p256: `-----BEGIN EC PARAMETERS-----
BggqhkjOPQMBBw==
-----END EC PARAMETERS-----
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEILT5TD8jrb3ee+P5kilfSQB3MWdqIrY6yWPSe00Yd3xioAoGCCqGSM49
AwEHoUQDQgAE5gYDesB/YfjlXSXfjLMcie746bY+b1lvgeYWwqaBuKZvQ5SxXNWE
yWGCY2xl96LV7blSRLk1zTfmBpQpqtP1Jg==
-----END EC PRIVATE KEY-----
`,
  p384: `-----BEGIN EC PRIVATE KEY-----
MIGkAgEBBDB3ST4LXV5vhm9LTos9YIJfvjl6QdZ3GrSXWdHfUeDXoKM4hMHYgclQ
ZeMdSx3xPQmgBwYFK4EEACKhZANiAARAvOZ1FOOmlogQEcib1cdeUWg2Is8DvvkA
G4Zga9/VOyGedeGKJmyFfH5pDDEsPdGG2wgy+9lnhDRld16HYOSV26DpIMKTKv+K
nI2UoTuyNDTQ69ql08ZdZ0Hxmp2lOvM=
-----END EC PRIVATE KEY-----
`,
  p521: `-----BEGIN EC PRIVATE KEY-----
MIHcAgEBBEIBrBMTyjDeAjhVuEvb4KWX9G30AN9rLY3q6pIs2BIIanJO3aJLroBJ
vWL2Hzt5DRqeITFLusKR6f/YYmfRLTOJ4lmgBwYFK4EEACOhgYkDgYYABAC3m4TE
1cBT6Df60/xQ+JZT5kI9kVUMpIqrBGZInDh3Hc5XgJmwDfm5kn5VhT4ug4qCR7/x
KBJJ2I/iLWvQMMcUqQABtIqjtlrdKkud/Z4Yx28AeVV0rYuUGI3c/ojBYB1O3NBJ
GMmwFrze7fDj/AsnNE6fCV++/tlbWuy9fOgJyjDkig==
-----END EC PRIVATE KEY-----
`,
  ed25519: `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINtTrSXy3DYFCIiBO0UNhEzHn+qVhWMzHS585zwZ/xj/
-----END PRIVATE KEY-----
`,
  x25519: `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VuBCIEICDduAT/Tt0HKPXe6sthxswldx04kaEFerZqQ/UklC9g
-----END PRIVATE KEY-----
`,
  certificate: `-----BEGIN CERTIFICATE-----
MIIDIzCCAgugAwIBAgIUMCGtPtZcHlKrGa97cAKbwTJfCBcwDQYJKoZIhvcNAQEL
BQAwIDEPMA0GA1UEAwwGYi50ZXN0MQ0wCwYDVQQKDARTb21lMCAXDTI2MTEyMzE0
NTMxM1oYDzIxMjYxMDMwMTQ1MzEzWjAgMQ8wDQYDVQQDDAZiLnRlc3QxDTALBgNV
BAoMBFNvbWUwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQDMXjS9VP7P
yO7YtdHvccbJ6Plzs7n6jwV1cIlenFM+5Yf0f/0MEp1qaVp+JLP0s25UzYlghKOj
B8sjlSQ/OsgcxEiD/5JYNgexbGuUeY1qBv2TwbQKfrkg2cqB1GuYYE9GwFfo9RU2
9+G9NVxuQBiOm0ntmHnFB98Zmchl1OJTOuVV0k5kNPWMbr676djCa5D4gmO9m1Rx
pjttzsrBlD73wapXeVRMg54nqDheRh4JRIzkC4YZUhIBSG8QcjmqRE4qLAUuR8V1
/SnF2zCFVJPt5uAXkR7quWarxlDYlmpNRRAxyDjkBC7rQxv+T+YYOj9XiIkUkDTG
IicvcsGIsWxJAgMBAAGjUzBRMB0GA1UdDgQWBBQuLSz8aef6virQLDCo4oo22bB6
5DAfBgNVHSMEGDAWgBQuLSz8aef6virQLDCo4oo22bB65DAPBgNVHRMBAf8EBTAD
AQH/MA0GCSqGSIb3DQEBCwUAA4IBAQDDPsFRNIX9c8389z4fM9gLbCFiV659yTwh
apkaxet4HyBmA4dThbgrTbXgzJ82cK+bNwWNTT6xJuuovP0h+DswHKX3DAoukHDx
NGC+KX9uwGc3iWw5Hkrf34mfkh3mYpQVVybXCBkiUfYrsyNtEYQhpnhvIOTSUAZD
F6O36cthN9cFchxE3p6fjU2cL2h2qslVdWhl8YeaHiQdXauAmGdYPlzqo0mswWJV
36uU4RGSJ1wxWKfABArNc0fZzoVhgJMeJZE0ixCe7/PxCIRrosoJeO3FWcNf1YVY
FdG0qPNgXDp/DBKrOg0vu/DjoBrl3e+7mmTJyf1i4I70sjp3O62X
-----END CERTIFICATE-----
`,
  encrypted: `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAglo5qu6/xe6QICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEENLBC0PwqpLzSUUgJnD4QrQEgZCa
6IenKjQ5nLR+LUXPQvSPKG7z9v9LG4mIHyGJyuz3vmwsBLQ9AQ4E/we6fE8dr40S
ZH265Apl/4ADe82LaL5A1lr1zepHOE5nMmERCfq96XVRyWwx7FChrZM47Zqs0gCG
fJ4D03+JyuRGHLZfpaFDAsYOorCRnYsk87mw5yYQLfQyoq4Zox8zScnIruI8Ijc=
-----END ENCRYPTED PRIVATE KEY-----
`,
  encryptedScrypt: `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHkME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAicnGvg6Z53LwICQAAC
AQgCAQEwHQYJYIZIAWUDBAEqBBCr7NvYr9A/Csq3LGsxYzI6BIGQmR1v4OJCo2kW
dGB9J55IQgQ27RLDJFoK9POUR+WhLhVcOcOH8sLa0dH2PIT/JiLFVassLLH7Q4ql
BCpFlOyz7TsmSFOnkhx+qGsT6osRBaRPOaH/N9jXbKta3SxfWAYd7CC4IXm0tCyi
qnbNqD8J3afZ7PssHC9ACx1nGlVVbaY3a8iA78rtpvbG8vQMjVG4
-----END ENCRYPTED PRIVATE KEY-----
`,
  encryptedLong: `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHuMFkGCSqGSIb3DQEFDTBMMCsGCSqGSIb3DQEFDDAeBAjLxALhfM7qmwIEAJiW
gTAMBggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQ1K9iUKiir24wNgnDv7N9VgSB
kFnz90gHB3wLN739/XAE3peqBE9rGhgRioZVoiFw8XoNE+FAL0djzSqxf4eLkIb4
/YULJShKky8oND64UrEbiyBxDOFEpd2eaDR4jJIqXvukpQvr7UKiyTLNX3raf0+P
jTzjW5/RTA6GN8Reczg9UzKiN8+Ko4fJqGv+jb+KHnkx9OXHBzaTigZRayeuXGaH
JA==
-----END ENCRYPTED PRIVATE KEY-----
`,
  encryptedOld: `-----BEGIN RSA PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,C6FCD2FE3AE27CD42903C3BBCE8D3BF6

H5ec9kc8o1qCH5E+sTBik2TpJtQq09jKhw8DPPbM4tjPqxoj6X7s0nXJC/waAwzE
1a2scfiv7KGgxAkXgJ1kIp6epz/tFsdSVND8gY8puOdeCoXsKViNvBiU+FKgSTnA
zmuEk9b2jkSU1zedQLaXt7kHBLTsX/GsDML9F4OZuArTcFpavyPBDlOtGj8zr1+0
XRj8eur/nObFFys6h3QHQVOVbxiIg2tdUOzpSRADpNwK4lyw5DOLbGJlq7aBtC5m
J5/zZUTP2s5q/ZAzaoZZy1xGNm1yTpTfvVgR41i3kcivWU9Pc3EOGDzbp9liDUnC
e2bKYiw92HYwkQxYLagmog+qQlfhAADbc7KGWzQD2Rl4d1r4p5W7NFVI3GEeMB04
zM26StDtINfXJRX5zb9PQbC6VBdw/mhQU1Ti0Qy9gUu02O0PK175lScggrgv1B+f
Kif7ysdMZnpxP2Omz7zWyzKL1xJd5/GRACiptUzEOncLejT9ma+e7ZlNut/wCuTI
Q+Fn+set6x7D37hzGvwxnngvpS7s+NrhFvtO6YuBf+NVpUH0E5/mLyLPbTGBUNx3
UpSM6XPp8RPsCn0uBp5pgaRKe4dmF6b3IeJO1ieGrUhcJ7XNdJJ2c4mecVfykrfW
BPkiXmIxvVsmofD97A52VPuTG1wRs2BdryqyDWqi9UtrWd1kIQ+nLsiq1bbjkapM
nPsjXj6UVS5Pibd/leS4bIFBz5Y84DywPGsE3vrn/4OS1xkmmkIRBZ+D4Oemrl/T
dlptaTdb4c4CgofgSdeeCQTh3IQeW3Ul+ZpgxQ3wiYQvwTaFQDJQe1h8xkXDZt3F
-----END RSA PRIVATE KEY-----
`,
  secp256k1: `-----BEGIN EC PRIVATE KEY-----
MHQCAQEEIKsC5qqzAZY86kZ48tBokdJ63iGpqXkf/6CL5aUOBO+hoAcGBSuBBAAK
oUQDQgAEs/XdvqKvufCY1aNHRq142IbRLjnmAW8p+fbuD6QtualQXW8hyRpg3MnT
6eCgqWH74/UuNDuwvE7nH3SicfQJEQ==
-----END EC PRIVATE KEY-----
`,
  rsaPss: `-----BEGIN PRIVATE KEY-----
MIICdAIBADALBgkqhkiG9w0BAQoEggJgMIICXAIBAAKBgQCoaoqaYA0ccQNx8ntS
yYaKZ+d085blg7FK+O52DLCa4ncFVNlmzr7CLldMBi8YhyjjRWI+pGQwAx3W9avG
lLrpLNYwoflTnDR+6nQ5zxbI4efz9KBjkSRwAY5qA2yZwj2I4n2E9plLM9AEDH7V
AJfJdVuetH+YxJsS2dpaqJi3nQIDAQABAoGAeyLy1i52R55Fw5FkI8Ke8SFJNNRJ
NuRTw5pAV+WtVoFQPoCsN6PgC3/wafB3jLp95bW8QErXydbtgVa8UoQ6J8Qa+B4G
e8oCQMP8icR8SNEed8pEdRyhlBqlVQQN3PSN5qYz6aBeWqagEHrB6jM/Cg+zX7Dj
RyBPgYRik84kjGECQQDfthREMIuqbIc36hh+Uq9S9A/UgXjXfBbHiXVzqfLexxBD
0uBXitvyIwt8ZDsQfE8Q0i/5jJGKlp+oN2Alp5/FAkEAwLlcfOgrbQSbYcC/obzd
SAdOdyZiP67aE9xB5gho6Zdq79lrDbj2ytell/4nAJfeF4K7GdbCtzeYZ83xR/Ed
+QJAa6+fA9AGewvw7xZtoek1Yg3/zMBiJgAiivx9ICcvtNNH3g4VVa6O/3ilH8Sz
tdTQzn0PAOYMbRTiV7wIOTf+LQJAcWYgF5b8xl7plrE1kNNyWMmDz/QT52jZBMqb
M+FK6feggpSpux9Uh7Ivy6lOBblWgvr3YJLPa8MYuCujhzNG8QJBAMuXdGmS2GWN
VUbo2uRG7cFH4V9zRH9z545JYUfT1t/KlS98dgWKUPueXfK0dRLZkRhE8aJJ9XUe
UB+QPrS//cw=
-----END PRIVATE KEY-----
`,
};

/** Signatures of "some data" by Node: the key, the digest, how, and the signature. */
const signatures = [
  ["p256","sha1",{"dsaEncoding":"der"},"MEUCIQDO2+Wqx7zbWMJ9bO9Ka2pgbRY86hxfgZ4NFPws+EcNCAIgE2x8TLtZ4uvnRnu2hoO7uGRjfIQwB3AdpBRbd9rb5a4="],
  ["p256","sha1",{"dsaEncoding":"ieee-p1363"},"XRih0+Rs8KOyYE4pNbosTM/fakrex7w5idgN1ol7agr7uc+c9cu/IvpRoSTbO/nGR+XhKhIWZB3cXTD/APW7xw=="],
  ["p256","sha256",{"dsaEncoding":"der"},"MEYCIQDlPgZYIWhTjK2/OvRyaoR6MjlfUxUe2eA02df4CUTWwAIhAKWX9M5K6XiDbO1eXG2YYkokQUXVY/1b73sPihCOU5Tm"],
  ["p256","sha256",{"dsaEncoding":"ieee-p1363"},"uTRr1wWcP7Zi4Pp2xYVraLbgDeiiHlcmJtOGSRO3SdGfUp/Ul3vQr6kRjTYqfaoUayHpfDbvudAg+BVWk4SKVQ=="],
  ["p256","sha512",{"dsaEncoding":"der"},"MEQCIDOUHZkEm61mJxbLTRbocDemH9ULM7sKTizVuV7kApPyAiAJ4ZDNiS4xamIW4IaSk7OJQM+R/3MFyFas/3bh4i6Uyw=="],
  ["p256","sha512",{"dsaEncoding":"ieee-p1363"},"Mb8cURkaKtzlR9Kq5rZ99ORbi/2dmUzB+XSo9dJSIDsSYWUOQZX8T+h6J30RChruDsxPoizgIpInLoIITpiTFw=="],
  ["p384","sha1",{"dsaEncoding":"der"},"MGQCMHH89nErm10gc4jZgg1mA/jrN9NZ3HdTI4BWwaacXDJePuznxjG16yayQ5cC4jG3DwIwO7FHdMeVMoJocdgpbheNHMDwzQFfwqXBbNdcZysT4rwb05zbDoDOhQ1zOnBGht7y"],
  ["p384","sha1",{"dsaEncoding":"ieee-p1363"},"fwpV/LI/nvW2YrILMyPF8MYEKrJ10DcjMIaNEY/QANDE8xmhTgzOZq/LsiMkrqS+7JKla4amxY/19cLJATa0cx4pXO7m3iKWnRpISP+4eDn9TSS0Rvdrp4rvc30RCOya"],
  ["p384","sha256",{"dsaEncoding":"der"},"MGYCMQCSeiGyPn5k4BpR13BfRUE1Ji3KFoCEPp++yczWeeQu/5QCN4XatRUlaaDpwViZm1MCMQDUm4oQ6dN/2trwI9Y/re5lk1/aVh01Ev43UgZrWuNNNgZFvdtRzK93tuNbB1IhGgY="],
  ["p384","sha256",{"dsaEncoding":"ieee-p1363"},"9yLSiadqaWZa6rVdS2juKa+YSCFqkZ3An3YOjkvsbJExu/soak0wVVOUh41dYoCh3DQA8R3m+ukQCotPz0OXP4wB40/nXaqbhKxFPgHv6/zslkNEaRFWOvcy0eEE7pN9"],
  ["p384","sha512",{"dsaEncoding":"der"},"MGQCMBiiKKCt4mLu8x5P8SfW/PJJgQ7VTomoa9YxkfZ6JAmDM9v50aywPNB9RobarPKyMgIwI/z9oJ5iZouB3vQj6HK7JLVWM4Eafo3DzyTLlZL6VwoIYzA2fPYenQPNLaraTLCf"],
  ["p384","sha512",{"dsaEncoding":"ieee-p1363"},"FUaWPHoKCwDO+xaav62xgAI2Tf3GG4xDSoRKooRoyqYhWG6dGRfzN3wnETM5DoUPxUWTIlNIzX8njgUkXqhCh5Yi/aMToMACGHsYqrucWDEGOsxflYQ+iMlF6oogSqcK"],
  ["p521","sha1",{"dsaEncoding":"der"},"MIGIAkIBCJi/n96PCOVvrYt3JuG5t2eH06v2bnqWOOuFLGtWqLguZD/2IElSXIZ3W71YHIgoBWylmnIHs6NKN7DdpwQy2kcCQgHsDCAqrwmYlbcet0IRiyJTTWuyEQI5qrVsATTPhvXJ1K13osnK1qi7pDadaTQsg/aq9FOgVhsNpqjWIcnni5ByDw=="],
  ["p521","sha1",{"dsaEncoding":"ieee-p1363"},"ALREIygJTWHyttggU1oLHFKGmbydcn+8NKVMtb/3lWS0WE0jrfOupTjCrxlHLrD4itk4AOCt08cU0s/3ufVuZ6aQARLwD8DTbGVP5wqmq3wvDV+pF6ILanGzdNNo0LM0vpDukfdZbr7e2O+YZnIK++suJr+cTTEekwPG7dAf9Hmqfdxu"],
  ["p521","sha256",{"dsaEncoding":"der"},"MIGIAkIBZKMB2g5z0wCLIWsYXdnyaTHPVdk9YMwMTcJtlsS9fN43ol30Us0kn7rqoOMoZRsRNw0KVjYmGYKlyAP7SHsmFPoCQgDoOHbsm+Cnw65skaqJj6bOgG173iExm4MXdWXlN4iiO5Lt+DxXA2W2tFTkpd6iPjM6WhfsRg/pm0BYd+5vCpW6LA=="],
  ["p521","sha256",{"dsaEncoding":"ieee-p1363"},"AJnGmxgW3A2nLIDet0OCvl3M/2TDEdVCYnRf9p+zT4Ob+VRx4EGR+yAXspAkth7L4yRy3uVUn7lvv1JJKC4FAfnzANkoR7B3lpqoFO1PImeD4bEWbDeIEHpIwdsNwpVWVFCHUSxRMlhOkQZ9lmwjUZK/pCUy4aCZrrH6WVQ91E61sMO7"],
  ["p521","sha512",{"dsaEncoding":"der"},"MIGIAkIAxMiC0ep5gWT1/UkCCEdn9Af66QgOinlGe9DYtrzgPT/TqkEXamkSKMV96L+t5BtQ7BcL9CEVHgTs9Jp+6Lx7RUMCQgEkzr5eW/s0pv4CeDmYrPw1OelzprOWhFm0CNnFZ1G9EUJO8icdEKV0MJUt83/DZS50T+lJUFgvT7ntd25koWz91g=="],
  ["p521","sha512",{"dsaEncoding":"ieee-p1363"},"AKindK2dh3faKOMBhW0X7C0Tgo2w8/wq0lSDg0D6ipM5XavyICQ9W5wFhSAT7pxqKdjCVXUkmdJ6wZg5mGpYxopOAckXhrGjcdxwLmJTBLTgrXqbDRe2X+0xyGFvPmKCcOB3mCHgh8umlRKIp0cXK+qpYMWQON2QCC6A9JmplsefqYm9"],
  ["rsa","sha1",{"padding":6,"saltLength":-1},"cr34KFgGedTP0H+dwfGed1XTC9rjcRrmRkGGgenD5Hg+sankZEULe6od+A9isnbY9C6b7iJdaD5QeZOjLaqsG29PBEUb/2mW/cWoTI9kcEQNj6r0JBE4MWQ+49OIrqqXzRSFh/SwNicg4VLU5kx7rfPRB10sJMSPjJi48yEdB2cD8/+jp0GbXkJmESYy/d+eMxYUGgFz4bYUj7nDG5DAjiPGAmE7C+4TuiQ6Q6kNjolurCu1kV3k9qxbYhmBAvD19jc8jghJRKaNJ5XDT4VHdGs1Qwp07YuLEX1RqX6JlGeiNRLChoJ7IILuqurN7FREBA4e+IsqpPZH5d8+VSJeyA=="],
  ["rsa","sha1",{"padding":6,"saltLength":-2},"gMlRI16xBDbc6xFVScHNT/vZHSvvORcmpFJzRpCa+ixaF8H9DhE/J93exDb0ugtEry8y1F3cEm1yOEfGbn2qEw3xR08IgMSLrR+Fk9lwis9qW7ysouZmdE+LeUzk6j0ahC1kp0NLsHurPjXVadiucAIeeLhXUhj7cf1BrThoqWVvNqHHO1D5Dip1/HwskKwly3ldxxoyuZ9eMtfF5gsvS2Vd5HJfctWcFcDtCOEBWZoZiCLRN/KC/9C9O8XjHtj+b/rgcffxOyHInqidmfiPBmP1zun6Oalm713j9EcpJWQVD2X9Agz1MH6ZZedWlOscaPZFl1v9w30qZ4AreLYLVQ=="],
  ["rsa","sha256",{"padding":6,"saltLength":-1},"QsDA0o9KlK4WNalm8OFwcHw1mCH4j1nHshc2bdXRsrw/K2sKKv6ZllwtoE9/1eYcf1w/HfENhN3UEQBtuqe+KvRlDBfc9z05O3gqQu62hBdHtG4Ei+CYHPFW9Mi3tY7ff9YZn0ZIlsEwjsgulBqxYVOo+XkI9nHhypZMhJ6hz5v0em149qC/prz6QPJwXsgwdkwjht07hydwwvQ8NgmLQJA6lqhcBWloAjGONLFOXDQ3hFLmnmKPI/Ubu4pcrCwgih0d3eRhX/uX3ZA1ztZubYzjtgZrJ0KSzBfAtt3karFIYliUy27KPcTM+dsing9urwYNU1chL+wybeIMzSGHzw=="],
  ["rsa","sha256",{"padding":6,"saltLength":-2},"EwSBoW9/5RV4vPvg7Cz2ZvV8IGXPaiutquFxyiF1JVA4Xub2ZBY5llxcm9665dTBMcFetIlCcEiMAzW7NmgaaXpEyFEL5HFqwy7NegtWE+JirPh0XB2xl3xrqCY6pPK9CKtFKdvOS0Kb6FSdQ8DKXuf0ldOwB8rBpl0nAbH60hMYdvFMHBmCsYOgk5S48pxq2kv9kypOXeUCGRx4Rr6I/d+HbAgwynOp3bZiMRTQjcmqJjxIAWXXNLxa6rbOgwWeY2/qpJAIhOyRjs6GZavho/gjIdZ0fepdGmFFzi0tJcQ9yYUeAh1UemklHsavp05JK3QAEHbO/cD6LuKIyxh+gQ=="],
  ["rsa","sha384",{"padding":6,"saltLength":-1},"VaYlVE5rNxuKr1OFy1hPQ65/9wC237IBvjSJEx1Vj5Zph1Xny6FE41ZCF+r1Nm7DCDuhQHqHVhn9yPHvB9ABH6YdRorh5OF8qXZ2zQB0O9N7xuECdR6lZs+9/ddhkOoohYPVyvLZNKhTEkv5/PUBhPLdr+HE4aS/wbcl8XP5sgV9Cxw/+mRqbwD1dmJO0msGydUPq9lTZJUGiB1ln5Mbc+7uvp5Th1MjmeX+5My5N7LyA1tTlUGwfP6P0tK6PlhSGD+mQfKxEOa3BY95dQBm+ph2NDoQxhebSP0JuIsrXQ4nnLQYnpJXYsgO8xNtV5ROjZOGPchHRjDOu6WmtNgeGQ=="],
  ["rsa","sha384",{"padding":6,"saltLength":-2},"KAOeEa9X1dERs+g3Jcmzr3fazHQMx7TN4gC9eS2FHFm1c80JC2174iPQPmLhJFL+1exADT95RHSF+bwJkZFR6X23TeRjMj0WbKTWFiRqMc5rp4qmyhLkjjDKgfoQQoWuWeqHjijM6hIMvETyAfSKiuxyJW3nbYYgUO5W6vGKHi6MnTLG0nYn4opLYX0pvhSuLpzagClTrcNloJvrQkSXjP17rZbK210HdQijBS8qyVY69Ro9og/K3VbPW5GWr1rmutIsz+l2dqShQbPZ0Y+NadnkKjwhlX+JBKty3KBN3cqt6VqwPSx3EMfKxAT5x+yxLfM8rWRQ+7TSj4KA75Vusg=="],
  ["rsa","sha512",{"padding":6,"saltLength":-1},"GnVqisgHDsgD3bMgbIbz22i1x7ZSo6EWwSZzCE8PJQz8szBTvcdxodRog/qu1Zo0DNb40GN+vJpTKWFX6TuG7BnG6Dhl5pBKJ05MxIFXsYmgbg0ycyNNtMU60ew7HMCx3791vkcQRa5LC/bZkoVcI8cK6VCv0vJKdwVr1/rmirD9xJUvqA/bDxC+VwVMaKpEPg1hjd+hYvO7JMKBd0wenztMBoQpFNHueKS3iQzLMvDdOwPWsuf2CxKrScHezM0ryXMuUwTlvbTtotwzaIfdyUBqJ7D9DFYMwK7U9noApdMKeULdTnPqk7DUsvS4BAuXUnJMCKKdyoaJdCdmm625Ew=="],
  ["rsa","sha512",{"padding":6,"saltLength":-2},"jwPxzxMkIi0xso8WogYASOVO+Dtj7elslZDb9dK2TEYGoLM/9G7emtIFMbCZbmrNf9tENLZXlKZnUAmbMpfkKdcMUYH9m8/xSn4b38bGR6rspYIIVtrUDw01D/dIsAFPlY1LWo1Hl1bPGSiynciZYekl5f2C2b3GVctcKZs3iCM59dHUG6YotWpBxovR2YsKB5zZUZeZjGCqLceuJg47czA//k841EdNLkinj/eOP1a+gfk7QRpZm2zy64N3oianYflimm/K8eDFR2ZN8XsSzJ68azpDu0DI3E9MmNgGW3ir+4zHhm+/o92QuQL5Rq4gqxCtSc9btPDlhb4p1y+wvw=="],
  ["rsa","md5",{"padding":6,"saltLength":-1},"x98foWfAyjxMUcu70D3U8FXCPbAu4vYFCQ2q4LwYZNCNiNVPaQVaewsePU/OuidNSzzI4WhKrimynYW0ZArSflpeO3WPvdKXPefWMWu6+euuVfkKkuLbsTpytY04mm/06Hk0+XGwqn3NHvQnsfX9PlmlUMBupA5fM0XVbqEXU4dvCfiLMifNgpt0Y0MlNuP0KfBRPeqo5+or8S3L/ppZqB4r7yi/iqHZDgdqlj8cdTkmv37rFfAAnu0PM1ETDr7mTSSI3ru4JCZI5ZgoY144+QeqG0/gT0OmHEimLd0Gjb5Lyp2NDvj3izxLV8rCOc2h7FoVFIJWXmYbZ8w5JLpXIw=="],
  ["rsa","md5",{"padding":6,"saltLength":-2},"dLzAr9Y18A/qyw4tXIoUEYO4i0UT+h/yWMleEbyPbv0SYlAV5MZLBVuGKVHjuSb6yiEXeu328KNmyoDjlII3pVtX0bPJlIvY+loETWUeugXG3eIPVwDViG9rFSoOWQ3+gEki3a+qM9f/wQILnfKv0G9p/8m5Iy1igvZnCtlP2LbYIY1u5eLmaSYYmh2cYUfMXxok1aC30fVHqsVc1eHiNkyaOozL+jrQ49rm/QmqcNafcSCds6YJz7OMll0t2q2Y7YKvZdcSTQLYl07k7utXEUBnnvw2LOzbtSg/7FfBH4xs4PJDpR9BrpMiVbeOxbQ7H4tlzajw+XqVmo4gaystWA=="],
  ["small","sha1",{"padding":6,"saltLength":-1},"gXdH6wp5oRIqxZbm/lfPIJsT5ljcR/AMHSwAjiChMdv6vvLhkvMewgBOIaPxETAYXXK87vu3xcj4dJLmzfwBkVy0WwDDKYoFfM+yVkj0CwEkQfJxU5GeoOa2VohiAxY4v9L1D19KiavSlRkUEObaVRN/2jJbBG+DxvhVS0F5iNI="],
  ["small","sha1",{"padding":6,"saltLength":-2},"5IUUSrN4hzm1shu+B2fH1lY+iwP0ANgdSSZ7i9i3YzyKQii6JNe7gzO+uKS/vnglfFj/cjy0VJXNzxPL1dwRPe1/Nn/BLibUvGb83K3IqYkRxVFPk0EK5O2/9JH4W341Z2NPvJl1Ai1AV7ZLFna/bbxNAa+tDren7xMOQtat2LQ="],
  ["small","sha256",{"padding":6,"saltLength":-1},"3onpgP2cO4urN/OzPVzX8in2PmBQvnLuBT5XOObXr/Ud2Q6u5lBpkZcthoKPhMXESNS0cZmEofH8qOM8FmZA1DD5skVm3n8ITq0V8LwN3RgbSLw7BmH016yR8fqclbtVVz8KVrEtyUl1hZYkz6IAVJRRnpatxI3UfAYxzIGbEC0="],
  ["small","sha256",{"padding":6,"saltLength":-2},"Dl/0y64YBBmMTNWtK55w0dn6ESz9gNyTD/G9QaED5OSxBtzGk/FylJClsWTPImDYUlxKngEgkwl9sO54Pni9m7uIahqu3DGP0921QlnU6WIdNl5jTPsP6S0upcm/WbN7G+/1ja/yOX5jd4jvnrvHPFp4vNIxlt/VsbrS47tBNoE="],
  ["small","sha384",{"padding":6,"saltLength":-1},"6DsUQ1fDd/SQ76uVinfHN36dDtcCboWXYI28LTRVhRZiucn9sbvoe9U9M/ZsP/4IGI8H+KrFOV9XTEXhqWnl/lSryqk5irumNTt1Uupk5u3AXMZmMXFZdL+2yOeHpqaInW1dlKFgaW6ZlsmaNSniJzd+iytuPL84S4eunFXS1t8="],
  ["small","sha384",{"padding":6,"saltLength":-2},"vgugXLPvfUL2tXJkkyjMNN1ygkt5iqSCJXNK6mCg759w6aKNRJWxUgWKOKpMYxgDVtSFTM95XN7appXsUNvhqfx65wF19/Xex1FiUH5SdIXXv1INNGoSaxIWbIPB0/RyDkgJ3ntemOm4bj6dmrgODjiR9uKWEEMu0BWxwpXO70o="],
  ["small","sha512",{"padding":6,"saltLength":-2},"rrsfD8BxNeJAvyMKyd3j5sXz4flEQub89CdwoKEt0JE1Ax7f4fBOqgPbQuuo4w4ZtllH3HgMc31FlV6OZ6pzLiL9CKYj4Dl134XICW/EfRRerTsNBl0eRhxyljHVgolxL50eXy1ZZCVynts+d70tZftdXJxULMFFCoaDT+hah+g="],
  ["small","md5",{"padding":6,"saltLength":-1},"o8lCGWcJ5Y8QmPT2X0Q9Z1bpEcbTW/4c4fqio4F8r81pkCjjmCN8iz1lBq4gm7xbd2utQ13/rxHiNz/K0UgJp18x2VV4MIklOoCmmUXUVJJByrjkBn+H8cBxRI7lw5ohAJ7bFKLo2+rvLMdRY8Qy9D737LgeERvxcx2ECl0TjQs="],
  ["small","md5",{"padding":6,"saltLength":-2},"G80wwWm+nVNXrauOzhy9LdsZRFeb4aXXWFHMOpMOiW2vt07qBNdjbcU5YsIcill+AB8xfHIc72YV/3END+CnNRdVUpop5otQVvtp6Y3eurd0c/sXMp5dMnAvi4sJfsMStZNarO1fEM8AqW8R68DFsq4SVboszt6atSljap87nZI="],
];

/** "some data", encrypted by Node. */
const sealed = [
  [{},"Rm3pkAkJqzz2woEg80DtnGRxGuDx5h55NrIBzLvN6eI6OjmQYBRPvvExA0bjnO3x92YmkNUQBtwNhREMoN6+lf9k9M+0iFsM2AFjxQAebCGXq/1k4YvsED73Z+CKd0o6nJgpI+MwT5puSzTmOPc+/lx18JIyyyFKmCaaFWYEVEMqipb58HfH/CetE1fmVBVtgSiOoDK00ZOvII+EMZiRajBFiZjz0PzFzAxAqgGDMP+Htda8xK+uZdrlla5kTvALf8QUKxbFrP5QMbVy3mVTaxGSZjnjc9QqH7cZNry1xTrDsW9pcj3WBSIIzAtKblSJLbEBKsnDTN/7DBkzCfcvAQ=="],
  [{"oaepHash":"sha256"},"uslddBVVEmaRbVHYMeezXYME+xg8b42dxGYZ523dQNDdHKe6NS+mJIzg1Y7CgKNdBZb2OFwcMIgNHaoMggWEvDJxyG9hNRr2RZr2C9c+m3UlV4VcwukL46HrsN9rR1zO4SCnMAmawqjNSX4A/zROiYlsI44ZnJ4t5xJ+CEumkgIEZw/34HmO2rta9tDSupE1nYN7rNqjoA53P1/4CkKF4B3nfG4uXWzjeljT8DYaiy1PvK9Tk5FJfi0nB5X5ybgoH4xx/N5U42XtKsTdiGmybRTw8aWhJCkMFPl3QQr7HGje5mm92LIOmTpVJxmcyVfoUQRnGzB6Cm0z6XuocvqOmg=="],
  [{"oaepHash":"sha384","oaepLabel":"a label"},"Kxv+ONKSZw7bRuK8bOrZYWoLzXjvKpIF59yvkKSu7h02ZOdO8S2At8zWlTpg5V24XamyliRIXMiMf49kfn/ZwVJazt68yQ1FgZkwzobn9rVBdxIEwrIbB+vRJ3fTY1pSY7eHw+e2LQG2FlJu8grT/GWKeDjEhOD2DmZ4EEOFzlZ8TCYnDtcGAZ5sXUdkbdH35rkJUmeXZGA1dRsiH77RpQwqZbeyEOuShTC0PiLJRGWKqZcNSQsx1O73GoOh++mmFxW64R5ZCBeQehK3Bkit7pFGRQum8wg/rChiKacnLdVmRSrBR2yANhpBQtD+kzZDup1Z8m3MG+XW14T0dLy1kA=="],
  [{"oaepHash":"sha512"},"bLFExY6mrx27A4N6iDc7wZYROSkPixIYI5cePuu6te+7bocsueNlVBxo58ix4jC7HqXwZmoZbUPQ8O+Sj/pv0JAmeY0aT3poCRAx9fEty1pQad8/qQOgeJ+MuO//rxad8VhWrWJRfdKeXTnSM6q+ShSoR4nNA/FGyOCWOyGRU3BVEWsaIeE3BAW6cRYuPFd3k8jm6bXP3WdaYDOugWsEEHJ5rPvdWEWyrn98I/EF3tUPYM9vZ3ATb3Mz134v9iBL2BBdZ+jej6ImHCXNgzhtVgqF8eNiudqmu4G2MP5CucKUoMnDgtwTHrJ/x2VOe1EJHBsWitLEnM2TlZvYIibL1A=="],
];

/** A key of RSA whose first prime is 3. */
const UNEVEN = {
  n: 0x2ef7e074f2d2805029462ba2d13c6ae038fd86725f5439f928129c9196f10de7985a7c1ace4215217fea909a5a7d57a01ad022f32f87e751fa24e7cbc36f7ad7fn,
  e: 0x10001n,
  d: 0xa94d43fef5cb685036772f93c1902730023e32042931fcf1ed4b7eaa238d875c4007953de02a14414cf6c4324a921b948e679ee93acbdd3dd7e67024ef0a9ef9n,
  q: 0xfa7f57c50f0d5700dc20e8b9b1423a012ff2cd0ca7168a862b0dedb325059f7dd737eb39a16070b2aa38588c8d4728ab39ab6510fd7f7c5fe0c4d43ebcfd39d5n,
};

const data = Buffer.from("some data");
const hashes = ["md5", "sha1", "sha256", "sha384", "sha512"];
const curves = { p256: "P-256", p384: "P-384", p521: "P-521" };
const digest = (value) => crypto.createHash("sha256").update(value).digest("base64url");
const generate = promisify(crypto.generateKeyPair);

// A key that is read when the app starts.
const early = crypto.createPrivateKey(keys.p256);

/** The code of what a call throws. */
async function refused(call) {
  try {
    return `no error: ${await call()}`;
  } catch (error) {
    if (error.message.includes("secret")) return "tells the key";
    return `${error.name} ${error.code}`;
  }
}

/** A key in all forms, by digest. */
function forms(name) {
  const key = crypto.createPrivateKey(keys[name]);
  const open = crypto.createPublicKey(key);
  const own = { rsa: ["pkcs1"], ec: ["sec1"] }[key.asymmetricKeyType] ?? [];
  const openOwn = key.asymmetricKeyType === "rsa" ? ["pkcs1"] : [];
  const members = (jwk) => Object.entries(jwk).sort().join();
  return [
    ...["pkcs8", ...own].map((type) => digest(key.export({ type, format: "pem" }))),
    ...["spki", ...openOwn].map((type) => digest(open.export({ type, format: "der" }))),
    ...[key, open].map((key) => digest(members(key.export({ format: "jwk" })))),
    JSON.stringify(key.asymmetricKeyDetails, (_, value) => (typeof value === "bigint" ? `${value}n` : value)),
    [key, open].every((key) => {
      const create = key.type === "private" ? crypto.createPrivateKey : crypto.createPublicKey;
      return key.equals(create({ key: key.export({ format: "jwk" }), format: "jwk" }));
    }),
  ];
}

/** What WebCrypto makes of a key, to check one by the other. */
const imported = (name, algorithm, usage) => {
  const key = crypto.createPrivateKey(keys[name]);
  const isPrivate = ["sign", "decrypt"].includes(usage);
  const bytes = (isPrivate ? key : crypto.createPublicKey(key)).export({ type: isPrivate ? "pkcs8" : "spki", format: "der" });
  return crypto.subtle.importKey(isPrivate ? "pkcs8" : "spki", bytes, algorithm, true, [usage]);
};

/** Each number of a JWK in turn, changed so that it is none of the key's. */
function* damaged(jwk) {
  for (const [member, value] of Object.entries(jwk)) {
    if (["kty", "crv"].includes(member)) continue;
    const bytes = Buffer.from(value, "base64url");
    for (const other of [Buffer.alloc(0), Buffer.alloc(bytes.length), Buffer.alloc(bytes.length, 255), bytes.subarray(1), Buffer.concat([bytes, bytes]), Buffer.of(1), Buffer.of(2)]) {
      yield { ...jwk, [member]: other.toString("base64url") };
    }
    bytes[bytes.length - 1] ^= 2;
    yield { ...jwk, [member]: bytes.toString("base64url") };
  }
}

/** Whatever can be done with a key; it may fail, with a code. */
function useAll(key) {
  const open = crypto.createPublicKey(key);
  const calls = [
    () => crypto.verify(null, data, open, crypto.sign(null, data, key)),
    () => crypto.verify("sha512", data, { key: open, padding: 6 }, crypto.sign("sha512", data, { key, padding: 6 })),
    () => crypto.privateDecrypt(key, crypto.publicEncrypt(open, data)),
    () => crypto.publicDecrypt(open, crypto.privateEncrypt(key, data)),
    () => crypto.diffieHellman({ privateKey: key, publicKey: open }),
    () => key.export({ format: "jwk" }),
  ];
  for (const call of calls) {
    try {
      call();
    } catch (error) {
      if (error.code === undefined) throw error;
    }
  }
}

const answers = {
  forms: () => ["rsa", "small", ...Object.keys(curves), "ed25519", "x25519"].map(forms),
  signed: () => [
    ...["rsa", "small"].flatMap((key) => hashes.map((hash) => digest(crypto.createSign(hash).update(data).sign(keys[key])))),
    ...hashes.map((hash) => digest(crypto.sign(hash, data, { key: keys.rsa, padding: 6, saltLength: 0 }))),
    crypto.sign(null, data, keys.ed25519).toString("base64url"),
    digest(crypto.privateEncrypt(keys.rsa, data)),
  ],
  agreed: () => [
    ...["p256", "p384", "p521", "x25519"].map((name) => {
      const privateKey = crypto.createPrivateKey(keys[name]);
      return crypto.diffieHellman({ privateKey, publicKey: crypto.createPublicKey(privateKey) }).toString("base64url");
    }),
    ...["prime256v1", "secp384r1", "secp521r1"].flatMap((curve) => {
      const ecdh = crypto.createECDH(curve).setPrivateKey("0123456789abcdef", "hex");
      const points = ["compressed", "uncompressed", "hybrid"].map((format) => ecdh.getPublicKey("base64url", format));
      return [...points, ...points.map((point) => ecdh.computeSecret(point, "base64url", "base64url"))];
    }),
  ],
  verified: () => {
    const wrong = signatures.filter(([name, hash, options, signature]) => {
      const key = { key: crypto.createPublicKey(keys[name]), ...options };
      const bytes = Buffer.from(signature, "base64");
      const isGenuine = crypto.verify(hash, data, key, bytes);
      bytes[bytes.length >> 1] ^= 1;
      return !isGenuine || crypto.verify(hash, data, key, bytes) || crypto.verify(hash, "other data", key, Buffer.from(signature, "base64"));
    });
    return [wrong, signatures.length];
  },
  opened: () => [
    ...sealed.map(([options, bytes]) => crypto.privateDecrypt({ key: keys.rsa, ...options }, Buffer.from(bytes, "base64")).toString()),
    crypto.publicDecrypt(keys.certificate, crypto.privateEncrypt(keys.rsa, data)).toString(),
  ],
  // What is made here with chance in it, WebCrypto checks; and the other way round.
  async crossed() {
    const results = [];
    for (const [name, namedCurve] of Object.entries(curves)) {
      const algorithm = { name: "ECDSA", namedCurve, hash: "SHA-256" };
      const signature = crypto.sign("sha256", data, { key: keys[name], dsaEncoding: "ieee-p1363" });
      results.push(await crypto.subtle.verify(algorithm, await imported(name, algorithm, "verify"), signature, data));
      const other = new Uint8Array(await crypto.subtle.sign(algorithm, await imported(name, algorithm, "sign"), data));
      results.push(crypto.verify("sha256", data, { key: keys[name], dsaEncoding: "ieee-p1363" }, other));
    }
    const pss = { name: "RSA-PSS", hash: "SHA-256", saltLength: 32 };
    const signature = crypto.sign("sha256", data, { key: keys.rsa, padding: 6, saltLength: -1 });
    results.push(await crypto.subtle.verify(pss, await imported("rsa", pss, "verify"), signature, data));
    const oaep = { name: "RSA-OAEP", hash: "SHA-256" };
    const encrypted = crypto.publicEncrypt({ key: keys.rsa, oaepHash: "sha256" }, data);
    const decrypted = await crypto.subtle.decrypt(oaep, await imported("rsa", oaep, "decrypt"), encrypted);
    const [secret, key] = [crypto.createSecretKey(data), crypto.createPrivateKey(keys.ed25519)];
    const cryptoKeys = [
      secret.toCryptoKey({ name: "HMAC", hash: "SHA-256" }, true, ["sign"]),
      key.toCryptoKey("Ed25519", true, ["sign"]),
      early.toCryptoKey({ name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits"]),
      crypto.createPublicKey(keys.rsa).toCryptoKey({ name: "RSA-OAEP", hash: "SHA-1" }, true, ["encrypt"]),
    ];
    const hidden = key.toCryptoKey("Ed25519", false, ["sign"]);
    return [
      ...results,
      Buffer.from(decrypted).toString(),
      cryptoKeys.map((cryptoKey) => crypto.KeyObject.from(cryptoKey)).map((object, at) => object.equals([secret, key, early, crypto.createPublicKey(keys.rsa)][at])),
      crypto.sign(null, data, hidden).equals(crypto.sign(null, data, key)),
      await refused(() => crypto.KeyObject.from(hidden).export({ format: "jwk" })),
      types.isKeyObject(key) && !types.isKeyObject(hidden),
    ];
  },
  encrypted: () => [
    ...["encrypted", "encryptedScrypt", "encryptedOld"].map((key) => digest(crypto.createPrivateKey({ key: keys[key], passphrase: "secret" }).export({ type: "pkcs8", format: "pem" }))),
    ...["aes-128-cbc", "aes-256-cbc"].map((cipher) => {
      const key = early.export({ type: "pkcs8", format: "pem", cipher, passphrase: "secret" });
      return early.equals(crypto.createPrivateKey({ key, passphrase: "secret" }));
    }),
    crypto.createPublicKey(keys.certificate).equals(crypto.createPublicKey(keys.rsa)),
  ],
  async generated() {
    const asked = [
      ["rsa", { modulusLength: 1024 }],
      ["rsa", { modulusLength: 520, publicExponent: 3 }],
      ...["P-256", "secp384r1", "P-521"].map((namedCurve) => ["ec", { namedCurve }]),
      ["ed25519"],
      ["x25519"],
    ];
    const later = await Promise.all(asked.map(([type, options]) => generate(type, options)));
    return asked.map(([type, options], at) => {
      const pairs = [crypto.generateKeyPairSync(type, options), later[at]];
      return pairs.map(({ publicKey, privateKey }) => {
        useAll(privateKey);
        if (type !== "x25519" && !crypto.verify(null, data, publicKey, crypto.sign(null, data, privateKey))) return "not genuine";
        const { modulusLength, namedCurve } = publicKey.asymmetricKeyDetails;
        return modulusLength ?? namedCurve ?? publicKey.asymmetricKeyType;
      });
    });
  },
  refused: async () => {
    const jwk = (name) => crypto.createPrivateKey(keys[name]).export({ format: "jwk" });
    const open = (key) => () => crypto.createPublicKey({ key, format: "jwk" }).type;
    const number = (length, last) => Buffer.alloc(length, 255).fill(last, length - 1).toString("base64url");
    const modulus = (length, e = "AQAB") => open({ kty: "RSA", n: number(length, 255), e });
    return [
      await refused(() => crypto.createPrivateKey("text")),
      await refused(() => crypto.createPrivateKey({ key: "text", format: "der", type: "pkcs8" })),
      await refused(() => crypto.createPrivateKey(keys.encrypted)),
      await refused(() => crypto.createPrivateKey({ key: keys.encrypted, passphrase: "another" })),
      await refused(() => crypto.createPrivateKey({ key: keys.encryptedOld, passphrase: "another" })),
      await refused(() => crypto.createPrivateKey({ key: keys.encryptedLong, passphrase: "secret" })),
      ...(await Promise.all(["secp256k1", "rsaPss"].map((name) => refused(() => crypto.createPrivateKey(keys[name]))))),
      await refused(modulus(1024)),
      await refused(modulus(1025)),
      await refused(modulus(63)),
      await refused(modulus(256, "AQ")),
      await refused(modulus(256, "AA")),
      await refused(modulus(256, "Ag")),
      await refused(modulus(256, number(5, 255))),
      await refused(open({ kty: "RSA", n: number(256, 254), e: "AQAB" })),
      await refused(open({ ...jwk("p256"), y: number(32, 1) })),
      await refused(open({ ...jwk("p521"), x: "AA", y: "AA" })),
      await refused(() => crypto.createPrivateKey({ key: { ...jwk("rsa"), d: number(256, 1) }, format: "jwk" })),
      await refused(() => crypto.createPrivateKey({ key: { ...jwk("p256"), d: number(32, 255) }, format: "jwk" })),
      await refused(() => crypto.createECDH("secp256k1")),
      await refused(() => crypto.sign(null, data, keys.x25519)),
      await refused(() => crypto.sign("sha256", data, keys.ed25519)),
      await refused(() => crypto.sign("sha512", data, { key: keys.small, padding: 6, saltLength: 63 })),
      await refused(() => crypto.sign("sha512", data, { key: keys.small, padding: 6, saltLength: 2 ** 31 - 1 })),
      await refused(() => crypto.sign("sha512", data, crypto.generateKeyPairSync("rsa", { modulusLength: 512 }).privateKey)),
      await refused(() => crypto.publicEncrypt(keys.small, data)),
      await refused(() => crypto.publicEncrypt({ key: keys.rsa, oaepHash: "md5" }, data)),
      await refused(() => crypto.publicEncrypt(keys.rsa, Buffer.alloc(215))),
      await refused(() => crypto.privateDecrypt(keys.rsa, Buffer.alloc(256))),
      await refused(() => crypto.privateDecrypt(keys.rsa, Buffer.alloc(3))),
      await refused(() => crypto.privateDecrypt({ key: keys.rsa, padding: 1 }, Buffer.alloc(256))),
      await refused(() => crypto.publicDecrypt(keys.rsa, Buffer.alloc(256))),
      await refused(() => crypto.generateKeyPairSync("rsa", { modulusLength: 4097 })),
      await refused(() => crypto.generateKeyPairSync("rsa", { modulusLength: 511 })),
      await refused(() => generate("rsa", { modulusLength: 2 ** 31 })),
      await refused(() => crypto.generateKeyPairSync("rsa", { modulusLength: 512, publicExponent: 4 })),
      await refused(() => crypto.generateKeyPairSync("rsa", { modulusLength: 512, publicExponent: 15 })),
      await refused(() => crypto.generateKeyPairSync("dsa", { modulusLength: 1024 })),
      await refused(() => {
        const publicKey = crypto.createPublicKey({ key: { kty: "OKP", crv: "X25519", x: number(32, 0).replace(/./g, "A") }, format: "jwk" });
        return crypto.diffieHellman({ privateKey: crypto.createPrivateKey(keys.x25519), publicKey });
      }),
    ];
  },
  // One prime is 3: a key all the same, with which nothing may take for ever.
  uneven: async () => {
    const number = (value) => Buffer.from(value.toString(16).padStart(130, "0"), "hex").toString("base64url");
    const key = crypto.createPrivateKey({ key: { kty: "RSA", n: number(UNEVEN.n), e: number(UNEVEN.e), d: number(UNEVEN.d), p: number(3n), q: number(UNEVEN.q), dp: "AQ", dq: "AQ", qi: "AQ" }, format: "jwk" });
    const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-1" };
    const bytes = key.export({ type: "pkcs8", format: "der" });
    return [
      ...[1, 2, 3].map((text) => crypto.verify("sha1", `${text}`, key, crypto.sign("sha1", `${text}`, key))),
      await refused(() => crypto.subtle.importKey("pkcs8", bytes, algorithm, true, ["sign"])),
      await refused(() => key.toCryptoKey(algorithm, true, ["sign"])),
    ];
  },
  // Keys with a number that is none of theirs, and bytes that were changed or cut off: they are refused with a code, or are keys.
  damaged: () => {
    let read = 0;
    const attempt = (input) => {
      try {
        useAll(crypto.createPrivateKey(input));
        read += 1;
      } catch (error) {
        if (error.code === undefined) throw error;
      }
    };
    for (const name of ["small", ...Object.keys(curves), "ed25519", "x25519"]) {
      const key = crypto.createPrivateKey(keys[name]);
      for (const jwk of damaged(key.export({ format: "jwk" }))) attempt({ key: jwk, format: "jwk" });
      const bytes = key.export({ type: "pkcs8", format: "der" });
      for (let at = 0; at < bytes.length; at += 1 + (bytes.length >> 7)) {
        const changed = Buffer.from(bytes);
        changed[at] ^= 1 << (at % 8);
        attempt({ key: changed, format: "der", type: "pkcs8" });
        attempt({ key: bytes.subarray(0, at), format: "der", type: "pkcs8" });
        attempt({ key: Buffer.concat([changed, changed]), format: "der", type: "pkcs8", passphrase: "secret" });
      }
    }
    return read > 0;
  },
};

export default {
  async fetch(request) {
    return Response.json(await answers[new URL(request.url).pathname.slice(1)]());
  },
};
