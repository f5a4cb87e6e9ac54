//go:build unix

package mutants

import (
	"os/exec"
	"syscall"
)

// together puts a process and all that it starts into one group, so that they end together: first they are asked, and after
// the command's WaitDelay the process is killed, and its workers see that their input ends.
func together(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}

// reap ends what a process that is gone may have left behind.
func reap(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // an empty group is no such process
	}
}
