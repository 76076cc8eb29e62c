# The verbs people type. `./check` is what CI runs.
BUILD = build/release
.PHONY: all quick asan tsan sim fuzz judge docs format clean
all:
	cmake --preset release > /dev/null && cmake --build --preset release
quick: asan
	python3 tools/tidy.py
	cd build/asan && ctest --output-on-failure -j2
asan:
	cmake --preset asan > /dev/null && cmake --build --preset asan
tsan:
	cmake --preset tsan > /dev/null && cmake --build --preset tsan
	cd build/tsan && TSAN_OPTIONS=ignore_noninstrumented_modules=1 ctest --output-on-failure -j2 -R '^(lane|drivers|pubsub|metastore|base)\.'
sim: all
	build/release/lagoon-sim --seed $(SEED)
fuzz:
	cmake --preset fuzz > /dev/null && cmake --build --preset fuzz --target $(T)
	mkdir -p test/corpus/$(T) && build/fuzz/$(T) -max_total_time=60 test/corpus/$(T)
judge: all
	tools/judge.py build/release/avro_judge build/release/proto_judge --seed $(or $(SEED),1)
docs:
	python3 tools/gen_reference.py
format:
	git ls-files '*.c' '*.h' '*.cc' | xargs clang-format-14 -i
clean:
	rm -rf build
