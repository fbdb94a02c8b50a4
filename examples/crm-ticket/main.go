package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"flag"
	"html"
	"log"
	"net/http"
	"sync"
	"time"
)

// A ticket is what todosync says of a good one.
type ticket struct{ Tenant, UserID, Target string }

func main() {
	todosync := flag.String("todosync", "http://127.0.0.1:8080", "address of todosync")
	token := flag.String("token", "", "token with the scope tickets:redeem")
	listen := flag.String("listen", "127.0.0.1:9000", "where this CRM listens")
	flag.Parse()
	var sessions sync.Map // session id to ticket
	http.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		body, _ := json.Marshal(map[string]string{"ticket": r.FormValue("ticket")})
		req, _ := http.NewRequestWithContext(r.Context(), http.MethodPost, *todosync+"/api/v1/tickets/redeem", bytes.NewReader(body))
		req.Header.Set("Authorization", "Bearer "+*token)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			http.Error(w, "todosync cannot be asked", http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		var t ticket
		if resp.StatusCode != http.StatusOK || json.NewDecoder(resp.Body).Decode(&t) != nil { // 404: unknown, used, or run out
			http.Error(w, "Click the todo in the OA again.", http.StatusForbidden)
			return
		}
		id := rand.Text() // always a new session: nobody can have planted it before
		sessions.Store(id, t)
		// In a frame of the OA: SameSite=None and Partitioned. Over TLS, as it should be: Secure.
		http.SetCookie(w, &http.Cookie{Name: "crm", Value: id, Path: "/", HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteLaxMode})
		w.Header().Set("Referrer-Policy", "no-referrer")
		http.Redirect(w, r, t.Target, http.StatusSeeOther) // the ticket's, and the address is clean again
	})
	http.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie("crm"); err == nil {
			if s, ok := sessions.Load(c.Value); ok {
				t, _ := s.(ticket)
				_, _ = w.Write([]byte("<!doctype html><h1>" + html.EscapeString(r.URL.Path) + "</h1><p>" + html.EscapeString(t.UserID+" of "+t.Tenant)))
				return
			}
		}
		http.Error(w, "Log in, or come from the OA.", http.StatusUnauthorized)
	})
	log.Fatal((&http.Server{Addr: *listen, ReadHeaderTimeout: 10 * time.Second}).ListenAndServe())
}
