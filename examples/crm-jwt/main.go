package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"flag"
	"html"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

func main() {
	todosync := flag.String("todosync", "http://127.0.0.1:8080", "address of todosync")
	issuer := flag.String("issuer", "", "its --public-url; default the address")
	audience := flag.String("audience", "http://127.0.0.1:9000/login", "who tickets must be for: the crmLoginUrl, or signOn.audience")
	secret := flag.String("secret-file", "", "file with the shared secret: HS256; else EdDSA")
	listen := flag.String("listen", "127.0.0.1:9000", "where this CRM listens")
	flag.Parse()
	if *issuer == "" {
		*issuer = *todosync
	}
	check := &Checker{
		Issuer: *issuer, Audience: *audience, Now: time.Now,
		Keys: func() (map[string]ed25519.PublicKey, error) { return JWKS(*todosync + "/.well-known/jwks.json") },
	}
	if *secret != "" {
		b, err := os.ReadFile(*secret)
		if err != nil {
			log.Fatal(err)
		}
		check.Secret = bytes.TrimSpace(b)
	}
	var sessions sync.Map // session id to Claims
	http.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		claims, err := check.Check(r.FormValue("ticket"))
		if err != nil || !strings.HasPrefix(claims.Target, "/") {
			http.Error(w, "Click the todo in the OA again.", http.StatusForbidden)
			return
		}
		id := rand.Text()
		sessions.Store(id, claims)
		http.SetCookie(w, &http.Cookie{Name: "crm", Value: id, Path: "/", HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteLaxMode})
		w.Header().Set("Referrer-Policy", "no-referrer")
		http.Redirect(w, r, claims.Target, http.StatusSeeOther)
	})
	http.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie("crm"); err == nil {
			if s, ok := sessions.Load(c.Value); ok {
				claims, _ := s.(Claims)
				_, _ = w.Write([]byte("<!doctype html><h1>" + html.EscapeString(r.URL.Path) + "</h1><p>" + html.EscapeString(claims.User+" of "+claims.Tenant)))
				return
			}
		}
		http.Error(w, "Log in, or come from the OA.", http.StatusUnauthorized)
	})
	log.Fatal((&http.Server{Addr: *listen, ReadHeaderTimeout: 10 * time.Second}).ListenAndServe())
}
