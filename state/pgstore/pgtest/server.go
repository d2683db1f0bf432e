package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is a PostgreSQL server of its own, reached by a Unix socket. Its methods are safe for concurrent use.
type Server struct {
	dir  string // everything below is the server's
	bin  string // folder of the programs
	args []string
	as   *syscall.SysProcAttr // how the programs are started

	mu     sync.Mutex    // guards what follows
	cmd    *exec.Cmd     // nil: it does not run
	exited chan struct{} // closed when it has ended
}

const (
	superuser = "postgres"
	pollEvery = 5 * time.Millisecond
)

// New makes a cluster and starts it. Run by root, the server runs as the user postgres or nobody. Its owner calls Remove.
func New(ctx context.Context, settings ...string) (*Server, error) {
	bin, err := find()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "dogear-pg-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, bin: bin}
	s.args = []string{"-D", s.data(), "-k", dir, "-c", "listen_addresses=", "-c", "shared_buffers=32MB",
		"-c", "max_connections=64", "-c", "fsync=on", "-c", "log_line_prefix=%m [%p] "}
	for _, set := range settings {
		s.args = append(s.args, "-c", set)
	}
	if s.as, err = unprivileged(dir); err == nil {
		err = s.initdb(ctx)
	}
	if err == nil {
		err = s.Start(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Remove())
	}
	return s, nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) initdb(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"), "-D", s.data(), "-U", superuser, "-A", "trust",
		"-E", "UTF8", "--locale=C", "--no-sync")
	cmd.SysProcAttr, cmd.Dir = s.as, s.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

// URL is where the server is, or will be when it is started again. With parameters it takes any of libpq, such as
// pool_max_conns of pgxpool.
func (s *Server) URL(params ...string) string {
	q := url.Values{"host": {s.dir}, "user": {superuser}, "database": {superuser}}
	for i := 0; i+1 < len(params); i += 2 {
		q.Set(params[i], params[i+1])
	}
	return "postgres://?" + strings.ReplaceAll(q.Encode(), "+", "%20") // libpq, unlike forms, takes a plus for one
}

// Socket is the path of the server's socket.
func (s *Server) Socket() string { return filepath.Join(s.dir, ".s.PGSQL.5432") }

// Start starts the server if it does not run, and returns when it answers. After a kill it waits until the processes of
// the server before have gone.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if s.cmd == nil {
			if err := s.launch(); err != nil {
				return err
			}
		}
		conn, err := pgx.Connect(ctx, s.URL())
		if err == nil {
			return conn.Close(ctx)
		}
		timer := time.NewTimer(pollEvery)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("the server does not answer: %w; its log ends: %s", err, s.logEnd())
		case <-s.exited: // processes of the one before are still there; again
			s.cmd = nil
		default:
		}
		<-timer.C
	}
}

func (s *Server) launch() error {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), s.args...)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr, cmd.Dir = log, log, s.as, s.dir
	if err := cmd.Start(); err != nil {
		return errors.Join(err, log.Close())
	}
	exited := make(chan struct{})
	s.cmd, s.exited = cmd, exited
	go func() {
		_ = cmd.Wait()  // it is killed as a rule
		_ = log.Close() // and the log is for people
		close(exited)
	}()
	return nil
}

// Immediate is an immediate shutdown: the server stops at once and recovers when it is started again, as after a power
// cut, except that what the system had been given to write is written.
func (s *Server) Immediate() error { return s.stop(immediate) }

// Fast is an orderly shutdown that ends all connections.
func (s *Server) Fast() error { return s.stop(fast) }

// Kill kills the first process of the server; its others notice and end.
func (s *Server) Kill() error { return s.stop(kill) }

func (s *Server) stop(sig os.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return nil
	}
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.exited
	s.cmd = nil
	return nil
}

// Remove ends the server and removes all its files.
func (s *Server) Remove() error {
	return errors.Join(s.Immediate(), os.RemoveAll(s.dir))
}

// Log is what the server has written so far.
func (s *Server) Log() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (s *Server) logEnd() string {
	text := s.Log()
	return text[max(0, len(text)-2000):]
}
