// Decodes images as detect does, for the comparison of their pixels with OpenCV's. Reads the name of an image per line
// and writes the RGB pixels to the file OUT; answers with a line: "ok WIDTH HEIGHT", or the error.
// Usage: pixels OUT
#include <fstream>
#include <iostream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "apps/image/decode.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  constexpr std::size_t kMaxPixels = 100'000'000;  // detect's default
  for (std::string name; std::getline(std::cin, name);) {
    try {
      std::ifstream file(name, std::ios::binary);
      const std::vector<char> content(std::istreambuf_iterator<char>(file), {});
      const cudet::Image image = cudet::decode_image(std::as_bytes(std::span(content)), name, kMaxPixels).image;
      std::ofstream out(argv[1], std::ios::binary);
      out.write(reinterpret_cast<const char*>(image.pixels.get()), std::streamsize{image.width} * image.height * 3);
      if (!out.flush()) throw std::ios_base::failure("the pixels cannot be written");
      std::cout << "ok " << image.width << ' ' << image.height << std::endl;
    } catch (const std::exception& error) {
      std::cout << error.what() << std::endl;
    }
  }
}
