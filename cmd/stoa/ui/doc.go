// Package ui serves the page of a node to the browsers of the person who runs
// it, on 127.0.0.1 alone, and answers what the page asks.
//
//	                  ┌─ GET /            the page itself, which holds nothing secret
//	browser ── HTTP ──┼─ GET /events      the node's state, levels and moments, as they change
//	                  └─ POST /do …       commands; the command line sends the same ones
//
// # Who may come
//
// Every user of the machine can connect to a port of 127.0.0.1, and so can every
// site that a browser shows, so each request passes three doors:
//
//  1. It names this machine: Host is 127.0.0.1, localhost or [::1], with any port,
//     because `ssh -L` may change that. A name that an attacker's DNS turned to
//     127.0.0.1 stays outside. See admit.
//  2. It comes from this page: Origin, when there is one, is http:// and exactly
//     Host, and there must be one on everything but GET; Sec-Fetch-Site, when
//     there is one, is same-origin or none.
//  3. It comes from a browser that was let in, except for the page and its
//     assets, /enter and /return: it has the cookie and, in the header Stoa-Key,
//     a key. The cookie alone does not do, because browsers send it to every port
//     of 127.0.0.1; the key alone does not, because a script can read it.
//
// On Linux, connections that another user opened are closed unheard.
//
// Who fails at the first two gets 403 with nothing in it, at the third 401.
//
// A browser is let in by an address with a token in its fragment, which no
// server, log or Referer ever sees: http://127.0.0.1:7862/#enter=TOKEN. A token
// works once and for ten minutes.
//
//	POST /enter  {"token":TOKEN,"public":P}  ->  {"key":K}, and the cookie
//
// The key is forgotten when the node ends. P is how the browser comes back
// without another token, after a reload or to the next run of the node: the
// public half of an ECDSA P-256 key (65 bytes, uncompressed, base64url) whose
// private half the browser made and never shows, not even to its own scripts.
//
//	POST /return {}                             ->  {"nonce":N}
//	POST /return {"nonce":N,"signature":S}      ->  {"key":K}
//
// S is the signature (64 bytes, r and s, base64url) over "stoa page\n" and N with
// SHA-256. Whoever listens on the port while no node runs, as another user of
// the machine may, thus gets the cookie and nothing else that lasts. The port,
// the cookies' hashes and the public keys are kept, see [Config.Keep]; when
// another program has taken the port meanwhile, no browser is let back in,
// because cookies have gone there. [Server.SignOut] and [SignOut] forget them, and
// POST /signout all but the one that asks; what a forgotten browser is in the middle
// of is broken off.
//
// # Events
//
// GET /events answers with text/event-stream, for fetch rather than EventSource,
// which sends no headers.
//
//	event: state   data: {…}                              everything; first, and whenever the page is too far behind for a patch
//	event: patch   data: {"rooms":{"7dk…":{"title":"…"}}} what changed, RFC 7396; at most 10 a second
//	event: levels  data: {"4kq…":63}                      who sounds now, 0 to 100; at most 20 a second, and one {} when nobody does any more
//	event: tick    data: {}                               once a second while the node answers: without two of them it hangs
//	event: react   data: {"room":"7dk…","who":"4kq…","emoji":"👏"}
//	event: link    data: {"link":"stoa:j/…"}              a link was clicked: show where it leads
//	event: asleep  data: {}                               last: this browser has opened too many pages, of which this is the oldest
//	event: out     data: {}                               last: the key is worth nothing any more; /return gives another, unless the browser was signed out
//
// Nothing queues up for a page that reads slowly: it finds the newest state,
// levels and moments when it is done with what it had, and is cut off when that
// takes it too long.
//
// # Commands
//
//	POST /do       {"verb":"mute","room":"7dk…"}  ->  {"lines":["…"],"data":{…}}    the Request and Reply of package app
//	POST /visible  {"visible":true}               ->  204                           whether a person can see this page now
//	POST /signout  {}                             ->  204                           no other browser is in, or comes back, or gets in by an address made before
//	POST /export   {"passphrase":"…"}             ->  the file
//	POST /import   the file; header Stoa-Passphrase, percent-encoded  ->  204
//	GET  /file/NAME                               ->  a file to save
//
// Bodies are JSON and say so with their Content-Type. What cannot be done is
//
//	422 {"code":"not_allowed","text":"you may not do that in this room","hint":"`stoa who` shows who may"}
//
// with a code to translate by, a sentence and what to do next; requests that are
// wrong in themselves are 400, 413 and 415 with the same, too much at once is 503.
package ui
