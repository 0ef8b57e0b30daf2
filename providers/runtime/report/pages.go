package report

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"hostler/providers/runtime/dispatch"
	"hostler/providers/runtime/status"
)

// Serve shows the metrics at /metrics, and a page for people at /, until ctx
// ends. page is what people read of a status.
func (r *Reporter) Serve(ctx context.Context, l net.Listener, s *dispatch.Service, page func(status.Status) string) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", r.Metrics(s))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, req *http.Request) {
		now, err := r.status(req.Context(), s)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Refresh", "5")
		fmt.Fprint(w, page(now))
	})
	srv := &http.Server{Handler: guarded(l.Addr(), mux), ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// guarded answers only requests for this machine itself where nobody else can
// come from: a page that somebody's browser has open may send others here under
// a name of its own.
func guarded(at net.Addr, next http.Handler) http.Handler {
	tcp, ok := at.(*net.TCPAddr)
	if !ok || !tcp.IP.IsLoopback() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		host, _, err := net.SplitHostPort(req.Host)
		if err != nil {
			host = req.Host
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "this page is for the Mac itself", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, req)
	})
}
