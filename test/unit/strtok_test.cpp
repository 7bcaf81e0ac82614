#include <catch2/catch.hpp>
#include <cstring>
#include <string>
#include <thread>

// As DPDK's telemetry server calls it, in a thread for each client.
TEST_CASE("each thread takes its own text apart", "[telemetry]") {
  std::string first = "/anyhome/bindings,cursor=64";
  CHECK(std::string(std::strtok(first.data(), ",")) == "/anyhome/bindings");
  std::string of_other;
  std::thread([&] {
    std::string second = "/anyhome/remove,2001:db8::1";
    (void)std::strtok(second.data(), ",");
    of_other = std::strtok(nullptr, "");
  }).join();
  const char* rest = std::strtok(nullptr, "");
  REQUIRE(rest != nullptr);
  CHECK(std::string(rest) == "cursor=64");
  CHECK(of_other == "2001:db8::1");
}
