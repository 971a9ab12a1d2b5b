// Signals that end a program, and the temporary files that they remove.
#pragma once
#include <signal.h>

#include <atomic>
#include <string>

namespace cudet {

/// Prepares the program `name` for signals: SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU, SIGALRM, SIGUSR1, SIGUSR2,
/// SIGPROF, SIGVTALRM, SIGPOLL, SIGPWR, SIGSTKFLT and the real-time signals remove all PartFiles, print one line, and
/// end the program. A signal that was ignored when the program began (nohup) stays ignored, and one that has a handler
/// keeps it. SIGPIPE and SIGXFSZ are ignored, so that writing to a closed pipe or beyond the file size limit is
/// reported as an error, as a full disk is. `name` must stay valid.
void end_at_signals(const char* name);

/// After this call the first of these signals only sets the flag of interrupted(), so that the run can finish
/// its files. A second one of the same kind ends the program.
void finish_at_signals();

/// Whether a signal arrived after finish_at_signals().
const std::atomic<bool>& interrupted();

/// Keeps these signals from the calling thread, between the creation of a file and its PartFile.
class BlockedSignals {
 public:
  BlockedSignals();
  ~BlockedSignals();
  BlockedSignals(const BlockedSignals&) = delete;  // restores the thread's own mask
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_;
};

/// The name of a temporary file that exists. The destructor, or a signal that ends the program, removes the file. If it
/// cannot be removed, the destructor prints a line that names it.
class PartFile {
 public:
  explicit PartFile(std::string path);
  ~PartFile();
  PartFile(const PartFile&) = delete;  // a signal handler has a pointer to the name
  PartFile& operator=(const PartFile&) = delete;

  const std::string& path() const { return path_; }
  void keep();  ///< from now on nothing removes the file

 private:
  std::string path_;
  std::atomic<const char*>* slot_ = nullptr;  // where the signal handler finds the name
  bool remove_ = true;
};

}  // namespace cudet
